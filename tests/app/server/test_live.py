import gc
import io
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from app.server.live import MAX_BYTES, Turns, Watch
from fer.errors import TooMuch, UnreadableImage
from fer.faces.tracks import PATIENCE
from tools.camera import FROWN, SMILE, before_camera

WAIT = 60  # seconds


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def turns() -> Turns:
    return Turns()


class Slow:
    """A model that answers when it is let, and notes whom."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.begun = threading.Event()
        self.gate = threading.Event()

    def recognize(self, photos):
        self.begun.set()
        assert self.gate.wait(WAIT)
        self.asked += photos
        return [[]]


def test_a_face_keeps_its_number_while_it_moves_and_is_away_for_a_moment(recognizer, turns):
    watch = Watch()
    numbers = []
    for at, x in ((0.0, 0.3), (0.2, 0.4), (0.4, None), (0.6, 0.6), (0.6 + 2 * PATIENCE, 0.6)):
        picture = before_camera(SMILE, x) if x else before_camera(None)
        numbers.append(list(watch.look(jpeg(picture), recognizer, turns, at).faces))
    assert numbers == [[1], [1], [], [1], [2]]


def test_the_answer_follows_the_face_smoothly(recognizer, turns):
    watch = Watch()
    shares = []
    for number, face in enumerate([SMILE] * 3 + [FROWN] * 9):
        seen = watch.look(jpeg(before_camera(face)), recognizer, turns, number / 5)
        assert seen.size == (640, 480)
        shares.append(seen.faces[1].by_emotion["happy"])
    assert min(shares[:3]) > 0.9
    assert shares[3:] == sorted(shares[3:], reverse=True)
    assert shares[3] > 0.5  # one picture alone changes no name
    assert shares[-1] < 0.2
    alone = Watch().look(jpeg(before_camera(FROWN)), recognizer, turns)
    assert alone.faces[1].by_emotion["happy"] < 0.2


def test_visitors_at_once_are_answered_their_own_pictures(recognizer, turns):
    films = {0.25: SMILE, 0.4: FROWN, 0.6: FROWN, 0.75: SMILE}
    told: dict[float, list[tuple[str, float]]] = {x: [] for x in films}

    def visit(x: float) -> None:
        watch = Watch()
        for number in range(5):
            data = jpeg(before_camera(films[x], x))
            (face,) = watch.look(data, recognizer, turns, number / 5).faces.values()
            told[x].append((face.emotion, (face.box.x1 + face.box.x2) / 2 / 640))

    threads = [threading.Thread(target=visit, args=(x,)) for x in films]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    for x, answers in told.items():
        assert len(answers) == 5
        assert len({emotion for emotion, _ in answers}) == 1
        assert (answers[0][0] == "happy") == (films[x] is SMILE)
        assert all(abs(middle - x) < 0.05 for _, middle in answers)


class Crowded:
    """A model that answers once all visitors want something of it, and notes whom."""

    def __init__(self, names: str) -> None:
        self.wanted, self.asked = Counter(), []
        self.names = names

    def recognize(self, photos):
        (name,) = photos
        done = Counter(self.asked)
        until = time.monotonic() + WAIT
        while not all(self.wanted[other] > done[other] for other in self.names):
            assert time.monotonic() < until
            time.sleep(0.001)
        self.asked.append(name)
        return [[]]


class Line(ThreadPoolExecutor):
    """Notes who wants something of a model, once they are in line."""

    def submit(self, work, model, name):
        future = super().submit(work, model, name)
        model.wanted[name] += 1
        return future


def test_nobody_has_a_second_turn_before_the_others_have_theirs(monkeypatch):
    monkeypatch.setattr("app.server.live.ThreadPoolExecutor", Line)
    names = "abcd"
    turns, model = Turns(workers=1), Crowded(names)
    rounds = 25

    def visit(name: str) -> None:
        for _ in range(rounds):
            turns.recognize(model, name)
        model.wanted[name] += 1  # the others do not wait for it

    threads = [threading.Thread(target=visit, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    counts = Counter(names)
    for name in model.asked:
        counts[name] += 1
        assert max(counts.values()) - min(counts.values()) <= 1
    assert counts == dict.fromkeys(names, rounds + 1)


def test_too_many_at_once_get_a_sentence():
    turns, model = Turns(workers=1, waiting=1), Slow()
    first = threading.Thread(target=turns.recognize, args=(model, "first"))
    first.start()
    assert model.begun.wait(WAIT)
    with pytest.raises(TooMuch, match="1 cameras are being answered"):
        turns.recognize(model, "second")
    model.gate.set()
    first.join(WAIT)
    assert turns.recognize(model, "third") == []
    assert model.asked == ["first", "third"]


@pytest.mark.parametrize("data", [b"", b"no picture", bytes(MAX_BYTES + 1)])
def test_what_is_no_picture_gets_a_sentence_and_the_next_is_answered(recognizer, turns, data):
    watch = Watch()
    with pytest.raises(UnreadableImage):
        watch.look(data, recognizer, turns)
    assert len(watch.look(jpeg(before_camera(SMILE)), recognizer, turns).faces) == 1


def test_a_small_picture_is_no_face(recognizer, turns):
    assert not Watch().look(jpeg(Image.new("RGB", (160, 144))), recognizer, turns).faces


def test_a_picture_is_let_go_once_it_is_answered(recognizer, turns, monkeypatch):
    seen = []
    read = recognizer.read

    def noted(source):
        photo = read(source)
        seen.append(weakref.ref(photo.image))
        return photo

    monkeypatch.setattr(recognizer, "read", noted)
    watch = Watch()
    assert watch.look(jpeg(before_camera(SMILE)), recognizer, turns).faces
    gc.collect()
    assert seen
    assert not any(picture() for picture in seen)
