// The visitor's camera: pictures to the server one at a time, its answers over the moving picture.
//
// The next picture is taken once the last one is answered, so the server's pace is the page's, and
// none ever waits in line. What is seen here of the past minute is known here only.

const MINUTE = 60_000; // ms that the timeline shows
const LEAST = 100; // ms between two pictures: faster than ten a second nobody reads
const PATIENCE = 4_000; // ms for which an answer is waited for: a run of the whole page may lose one
const GAP = 2_000; // ms without an answer from which on nothing is drawn
const SHOWN = 6; // people with a timeline
const QUALITY = 0.8; // of the JPEGs

const PROBLEMS = {
  insecure:
    "The browser gives the camera to no page without HTTPS: open this one by https://, or on the " +
    "server's own machine as localhost.",
  NotAllowedError:
    "The camera was not allowed: allow it for this page beside its address, and press again.",
  NotFoundError: "There is no camera here: connect one, and press again.",
  NotReadableError: "The camera is busy: close the program that has it, and press again.",
  ended: "The camera has gone: connect it, and press again.",
};

const cameras = new WeakMap(); // by the element, as one module serves all

export default function ({ data, parentElement, setTriggerValue }) {
  if (!cameras.has(parentElement)) cameras.set(parentElement, new Camera(parentElement));
  const camera = cameras.get(parentElement);
  camera.side = data.side;
  camera.colours = data.colours;
  camera.send = (picture) => setTriggerValue("picture", picture);
  return () => camera.leave();
}

class Camera {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.live = find(".live");
    this.opener = find(".open");
    this.closer = find(".close");
    this.which = find(".which");
    this.select = find("select");
    this.pace = find(".pace");
    this.problem = find(".problem");
    this.stage = find(".stage");
    this.video = find("video");
    this.faces = find(".faces");
    this.nobody = find(".nobody");
    this.news = find(".news");
    this.people = find(".people");
    this.canvas = document.createElement("canvas");
    this.number = Math.floor(Math.random() * 1e9); // no answer of another time is taken for this
    this.opener.onclick = () => this.open();
    this.closer.onclick = () => {
      this.close();
      this.opener.focus();
    };
    this.select.onchange = () => this.open(this.select.value);
    this.listener = ({ detail }) => this.hear(detail);
    document.addEventListener("live-answer", this.listener);
    if (!navigator.mediaDevices?.getUserMedia) {
      this.opener.disabled = true;
      this.complain("insecure");
    }
  }

  complain(name) {
    this.problem.textContent =
      PROBLEMS[name] ?? `The camera cannot be opened: the browser says ${name}.`;
    this.problem.hidden = false;
  }

  async open(device) {
    this.close();
    this.opener.disabled = true;
    this.problem.hidden = true;
    const wanted = device ? { deviceId: { exact: device } } : { facingMode: "user" };
    const turn = this.number;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { ...wanted, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
      if (!this.live.isConnected) {
        for (const track of stream.getTracks()) track.stop(); // the visitor has gone elsewhere
        return;
      }
      this.stream = stream;
    } catch (error) {
      this.complain(error.name);
      return;
    } finally {
      this.opener.disabled = false;
    }
    const [track] = this.stream.getVideoTracks();
    track.onended = () => {
      this.close();
      this.complain("ended");
    };
    this.past = new Map(); // by person: what was answered, with its time
    this.paces = [];
    this.answers = 0;
    this.first = true;
    this.stage.classList.toggle("mirrored", track.getSettings().facingMode !== "environment");
    this.video.srcObject = this.stream;
    this.stage.hidden = this.closer.hidden = false;
    this.opener.hidden = true;
    this.closer.focus();
    this.video.play().catch(() => {}); // closed before it began
    this.offer(track.getSettings().deviceId);
    if (turn === this.number) this.take();
  }

  async offer(current) {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const found = devices.filter((device) => device.kind === "videoinput");
    this.select.replaceChildren(
      ...found.map(({ label, deviceId }, index) => {
        const name = label || `Camera ${index + 1}`;
        return new Option(name, deviceId, false, deviceId === current);
      }),
    );
    this.which.hidden = found.length < 2 || !this.stream;
  }

  close() {
    clearTimeout(this.timer);
    this.number += 1; // what is under way is not heard any more
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = this.video.srcObject = null;
    this.stage.hidden = this.closer.hidden = this.which.hidden = true;
    this.opener.hidden = false;
    this.pace.textContent = this.news.textContent = "";
    this.faces.replaceChildren();
    this.people.replaceChildren();
  }

  leave() {
    this.close();
    document.removeEventListener("live-answer", this.listener);
  }

  take() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (document.hidden || !width) {
      this.timer = setTimeout(() => this.take(), LEAST);
      return;
    }
    const scale = Math.min(1, this.side / Math.max(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.taken = performance.now();
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    const [, jpeg] = this.canvas.toDataURL("image/jpeg", QUALITY).split(",");
    this.number += 1;
    this.send({ number: this.number, first: this.first, jpeg });
    this.timer = setTimeout(() => this.take(), PATIENCE);
  }

  hear(data) {
    if (!this.stream || data.number !== this.number || this.taken === this.answered) return;
    clearTimeout(this.timer);
    this.answered = this.taken;
    this.first = false;
    this.problem.hidden = !data.problem;
    if (data.problem) {
      this.problem.textContent = data.problem;
      this.timer = setTimeout(() => this.take(), GAP);
      return;
    }
    this.box(data.faces);
    this.remember(data.faces);
    const taken = this.taken;
    requestAnimationFrame(() => this.time(performance.now() - taken));
    const rest = LEAST - (performance.now() - this.taken);
    this.timer = setTimeout(() => this.take(), Math.max(0, rest));
  }

  box(faces) {
    const mirrored = this.stage.classList.contains("mirrored");
    const old = new Map([...this.faces.children].map((box) => [box.dataset.person, box]));
    for (const face of faces) {
      const key = String(face.person);
      const box = old.get(key) ?? document.createElement("div");
      if (!old.delete(key)) {
        box.dataset.person = key;
        box.append(document.createElement("span"));
        this.faces.append(box);
      }
      const [x1, y1, x2, y2] = face.box;
      const left = mirrored ? 1 - x2 : x1;
      box.className = "face";
      box.classList.toggle("unsure", !face.certain);
      box.classList.toggle("high", y1 < 0.08);
      box.classList.toggle("right", left > 0.6);
      box.style.left = `${100 * left}%`;
      box.style.top = `${100 * y1}%`;
      box.style.width = `${100 * (x2 - x1)}%`;
      box.style.height = `${100 * (y2 - y1)}%`;
      box.style.setProperty("--colour", this.colours[face.emotion].colour);
      box.style.setProperty("--ink", this.colours[face.emotion].ink);
      box.firstChild.textContent = face.label;
    }
    for (const box of old.values()) box.remove();
    this.nobody.hidden = faces.length > 0;
  }

  remember(faces) {
    const now = this.taken;
    for (const { person, said, shares } of faces) {
      if (!this.past.has(person)) this.past.set(person, []);
      this.past.get(person).push({ time: now, shares, said });
    }
    for (const [person, points] of this.past) {
      while (points.length && now - points[0].time > MINUTE) points.shift();
      if (!points.length) this.past.delete(person);
    }
    const longest = [...this.past].sort((one, other) => other[1].length - one[1].length);
    const shown = longest.slice(0, SHOWN).sort((one, other) => one[0] - other[0]);
    const old = new Map([...this.people.children].map((row) => [row.dataset.person, row]));
    for (const [person, points] of shown) {
      const key = String(person);
      const row = old.get(key) ?? this.row(key);
      old.delete(key);
      this.people.append(row); // in their order
      this.tell(row, points, now);
    }
    for (const row of old.values()) row.remove();
    this.announce(faces, now);
  }

  row(key) {
    const row = document.createElement("div");
    row.className = "person";
    row.dataset.person = key;
    row.setAttribute("role", "listitem");
    row.innerHTML =
      "<strong></strong><canvas role='img'></canvas>" +
      "<div class='scale'><span>60 s ago</span><span class='shares'></span><span>now</span></div>";
    return row;
  }

  tell(row, points, now) {
    const last = points.at(-1);
    const here = now - last.time < GAP;
    row.querySelector("strong").textContent =
      `Person ${row.dataset.person} · ${here ? last.said : "not in view"}`;
    draw(row.querySelector("canvas"), points, now, Object.values(this.colours));
    const names = Object.keys(this.colours);
    const means = names.map((name, index) => ({
      name,
      share: points.reduce((sum, point) => sum + point.shares[index], 0) / points.length,
    }));
    const most = means.filter(({ share }) => share >= 0.05).sort((a, b) => b.share - a.share);
    const texts = most.map(({ name, share }) => `${name} ${Math.round(100 * share)}%`);
    const said = `On average: ${texts.join(", ")}`;
    if (row.title === said) return;
    row.title = said;
    row.querySelector("canvas").setAttribute("aria-label", `The last minute. ${said}`);
    row.querySelector(".shares").replaceChildren(
      ...most.map(({ name }, index) => {
        const key = document.createElement("i");
        key.className = "key";
        key.style.background = this.colours[name].colour;
        const item = document.createElement("span");
        item.append(key, texts[index]);
        return item;
      }),
    );
  }

  announce(faces, now) {
    // For who listens: what is new, and not more often than it can be said.
    if (now - (this.announced ?? 0) < 4_000) return;
    const text = faces.map((face) => `Person ${face.person}: ${face.heard}`).join(". ");
    if (text === this.news.textContent) return;
    this.news.textContent = text;
    this.announced = now;
  }

  time(latency) {
    if (!this.stream) return;
    const now = performance.now();
    this.paces.push({ now, latency });
    while (now - this.paces[0].now > 3_000) this.paces.shift();
    this.live.dataset.latency = Math.round(latency);
    this.live.dataset.answers = this.answers += 1;
    if (now - (this.paced ?? 0) < 1_000 || this.paces.length < 2) return;
    this.paced = now;
    const span = now - this.paces[0].now;
    const rate = (1_000 * (this.paces.length - 1)) / span;
    const mean = this.paces.reduce((sum, { latency }) => sum + latency, 0) / this.paces.length;
    this.pace.textContent =
      `${rate.toFixed(1)} answers a second, each ${Math.round(mean)} ms after its picture`;
  }
}

// Stacks the seven shares over the last minute, oldest left, with gaps where there was no answer.
function draw(canvas, points, now, colours) {
  const ratio = window.devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * ratio));
  const height = (canvas.height = Math.round(canvas.clientHeight * ratio));
  const context = canvas.getContext("2d");
  const stretches = [];
  for (const point of points) {
    const last = stretches.at(-1);
    if (last && point.time - last.at(-1).time <= GAP) last.push(point);
    else stretches.push([point]);
  }
  const x = (time) => width * (1 - (now - time) / MINUTE);
  for (const stretch of stretches) {
    let floor = stretch.map(() => height);
    for (const [index, { colour }] of colours.entries()) {
      const top = stretch.map((point, place) => floor[place] - point.shares[index] * height);
      context.fillStyle = colour;
      context.beginPath();
      stretch.forEach((point, place) => context.lineTo(x(point.time), top[place]));
      [...stretch.entries()]
        .reverse()
        .forEach(([place, point]) => context.lineTo(x(point.time), floor[place]));
      context.fill();
      floor = top;
    }
  }
}
