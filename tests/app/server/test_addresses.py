import gzip
import socket
import time
from functools import partial
from http.server import BaseHTTPRequestHandler

import pytest

from app.server.addresses import REDIRECTS, addresses_allowed, fetch_picture, is_public
from app.server.uploads import MEGABYTE, Limits
from fer.errors import AddressRefused
from tests.web_server import leads_to, sends, web_server

PICTURE = b"\xff\xd8\xff\xe0" + bytes(1000)
NOT_ASKED = "among the servers that may be asked"


@pytest.fixture
def web():
    with web_server() as web:
        web.answers["/a.jpg"] = sends(PICTURE)
        yield web


@pytest.fixture
def inside(web):
    """What must not be reached: the same port of another address of this machine."""
    with web_server("127.0.0.2", web.port) as inside:
        for path in ("/", "/a.jpg"):
            inside.answers[path] = sends(PICTURE + b"secret")
        yield inside


@pytest.fixture
def fetch(web):
    """Fetch with every name, and nothing but, leading to the server of this test."""
    return partial(fetch_picture, may_reach=web.only, resolve=web.resolve)


def refusal(fetch, url: str, **options) -> str:
    with pytest.raises(AddressRefused) as refused:
        fetch(url, **options)
    return str(refused.value)


def test_a_picture_is_fetched_by_its_name(web, fetch):
    assert fetch(f"  {web.url('/a.jpg')}\n") == ("a.jpg", PICTURE)
    assert web.asked == [(f"pictures.example:{web.port}", "/a.jpg")]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/K%C3%A4the%20und%20ich.jpg?w=3#x", "Käthe und ich.jpg"),
        ("/..%2F..%5Cetc%00passwd%0A", "etcpasswd"),
        ("/", "picture"),
        ("/" + 300 * "a" + ".jpg", 196 * "a" + ".jpg"),
    ],
)
def test_the_name_is_the_last_part_of_the_address(web, fetch, path, name):
    web.answers[path.partition("#")[0]] = sends(PICTURE)
    assert fetch(web.url(path)) == (name, PICTURE)


def test_off_unless_the_host_says_so():
    assert not addresses_allowed({})
    assert not addresses_allowed({"FER_WEB_ADDRESSES": "0"})
    assert addresses_allowed({"FER_WEB_ADDRESSES": "1"})


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255",
        "192.168.0.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::",
        "fc00::1", "fd00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_no_address_within_a_network_is_public(address):
    assert not is_public(address, 80)
    known = partial(fetch_picture, resolve=lambda host, port, **_: [(0, 0, 0, "", (address, port))])
    assert NOT_ASKED in refusal(known, "http://pictures.example/a.jpg")


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])
def test_addresses_and_ports_of_the_web_are_public(address):
    assert is_public(address, 80)
    assert is_public(address, 443)
    assert not any(is_public(address, port) for port in (0, 22, 25, 6379, 8080, 8501))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0", "[::1]"]
)
def test_this_machine_is_never_asked_however_it_is_written(web, host):
    assert NOT_ASKED in refusal(fetch_picture, web.url("/a.jpg", host))
    assert NOT_ASKED in refusal(partial(fetch_picture, may_reach=is_public), f"http://{host}/a.jpg")
    assert not web.asked


def test_nothing_tells_a_private_server_from_none(web):
    def none(host, port, **_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def private(host, port, **_):
        return [(0, 0, 0, "", ("10.0.0.1", port))]

    said = [
        refusal(partial(fetch_picture, resolve=known), "http://wiki.corp/a.jpg")
        for known in (none, private, web.resolve)
    ]
    assert len(set(said)) == 1


def test_one_private_address_among_a_names_is_enough(web, fetch):
    def both(host, port, **_):
        return [(0, 0, 0, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

    assert NOT_ASKED in refusal(partial(fetch, resolve=both), web.url("/a.jpg"))
    assert not web.asked


def test_the_address_that_was_checked_is_the_one_asked(web, inside, fetch):
    """A name server that answers differently the second time."""
    answers = iter([web.address, inside.address, inside.address])
    questions = []

    def rebinding(host, port, **_):
        questions.append(host)
        return [(0, 0, 0, "", (next(answers), port))]

    assert fetch(web.url("/a.jpg"), resolve=rebinding) == ("a.jpg", PICTURE)
    assert questions == ["pictures.example"]
    assert not inside.asked
    # And again, for the next one asks again: the same name is now another server's.
    assert NOT_ASKED in refusal(partial(fetch, resolve=rebinding), web.url("/a.jpg"))
    assert not inside.asked


def test_a_server_that_is_not_there_gives_way_to_the_next(web, fetch):
    def known(host, port, **_):
        return [(0, 0, 0, "", (address, port)) for address in ("127.0.0.3", "127.0.0.1")]

    assert fetch(web.url("/a.jpg"), resolve=known, may_reach=lambda *_: True)[1] == PICTURE
    gone = partial(fetch, resolve=lambda host, port, **_: known(host, port)[:1])
    assert "does not answer" in refusal(gone, web.url("/a.jpg"), may_reach=lambda *_: True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(web, fetch, status):
    web.answers["/old.jpg"] = leads_to("/a.jpg", status)
    assert fetch(web.url("/old.jpg")) == ("old.jpg", PICTURE)
    assert [path for _, path in web.asked] == ["/old.jpg", "/a.jpg"]


def test_a_redirect_to_a_private_address_is_not_followed(web, inside, fetch):
    web.answers["/by-address.jpg"] = leads_to(inside.url("/", inside.address))
    web.answers["/by-name.jpg"] = leads_to(inside.url("/", "inside.example"))
    web.answers["/twice.jpg"] = leads_to("/by-name.jpg")

    def resolve(host, port, **_):
        return (web if host == "pictures.example" else inside).resolve(host, port)

    for path in ("/by-address.jpg", "/by-name.jpg", "/twice.jpg"):
        said = refusal(fetch, web.url(path), resolve=resolve)
        assert NOT_ASKED in said
        assert "secret" not in said
    assert not inside.asked


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("file:///etc/passwd", "begins with https"),
        ("ftp://pictures.example/a.jpg", "begins with https"),
        ("http://a:b@pictures.example/a.jpg", "without a user's name"),
        ("http://pictures.example:x/a.jpg", "leads to no picture"),
        ("/round", "on and on"),
    ],
)
def test_a_redirect_to_no_picture_is_not_followed(web, fetch, location, said):
    web.answers["/round"] = leads_to(location)
    assert said in refusal(fetch, web.url("/round"))
    assert len(web.asked) == (REDIRECTS + 1 if location == "/round" else 1)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("pictures.example/a.jpg", "begins with https"),
        ("", "begins with https"),
        ("file:///etc/passwd", "begins with https"),
        ("gopher://pictures.example/", "begins with https"),
        ("http:///a.jpg", "begins with https"),
        ("http://pictures.example:x/", "begins with https"),
        ("http://visitor:secret@pictures.example/", "without a user's name"),
        ("http://pictures.example:0/a.jpg", NOT_ASKED),
        ("http://pictures.example:99999/a.jpg", NOT_ASKED),
        (f"http://{64 * 'a'}.example/a.jpg", NOT_ASKED),
    ],
)
def test_what_is_no_address_of_the_web_is_refused(address, said):
    assert said in refusal(fetch_picture, address)


def endless(start: bytes, request: BaseHTTPRequestHandler) -> None:
    sends(start)(request)
    while True:
        request.wfile.write(bytes(65_536))


def test_an_endless_picture_is_broken_off_at_the_limit(web, fetch):
    web.answers["/endless.jpg"] = partial(endless, PICTURE)
    assert "1 MB" in refusal(fetch, web.url("/endless.jpg"), limits=Limits(file_bytes=MEGABYTE))
    assert web.broken_off.wait(10)


def test_what_is_endless_and_no_picture_is_broken_off_at_once(web, fetch):
    web.answers["/endless.jpg"] = partial(endless, b"")
    assert "no picture" in refusal(fetch, web.url("/endless.jpg"))
    assert web.broken_off.wait(10)


def test_the_length_that_a_server_states_is_not_believed(web, fetch):
    web.answers["/long.jpg"] = sends(PICTURE, Content_Length=str(10**12))
    assert "breaks off" in refusal(fetch, web.url("/long.jpg"))
    web.answers["/short.jpg"] = sends(PICTURE * 2000, Content_Length="2000000")
    said = refusal(fetch, web.url("/short.jpg"), limits=Limits(file_bytes=MEGABYTE))
    assert "1 MB" in said


def test_a_body_is_not_unpacked(web, fetch):
    bomb = gzip.compress(PICTURE + bytes(100 * MEGABYTE))
    web.answers["/bomb.jpg"] = sends(bomb, Content_Encoding="gzip")
    assert "no picture" in refusal(fetch, web.url("/bomb.jpg"))


def drip(before: bytes, request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(before)
    while True:
        request.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE],
    ids=["status", "header", "body"],
)
def test_a_slow_server_has_its_time_and_no_more(web, fetch, before):
    web.answers["/slow.jpg"] = partial(drip, before)
    began = time.monotonic()
    assert "within 1 seconds" in refusal(fetch, web.url("/slow.jpg"), seconds=1)
    assert time.monotonic() - began < 5
    assert web.broken_off.wait(10)


def test_a_slow_name_server_has_no_more(web, fetch):
    def slow(host, port, **_):
        time.sleep(6)
        return web.resolve(host, port)

    began = time.monotonic()
    assert "within 1 seconds" in refusal(fetch, web.url("/a.jpg"), seconds=1, resolve=slow)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sends(b"<!doctype html>", "text/html; charset=utf-8"), "address of a web page"),
        (sends(PICTURE, "TEXT/HTML"), "address of a web page"),
        (sends(b"<!doctype html><title>x</title>"), "no picture that can be read"),
        (sends(b"root:x:0:0:root:/root:/bin/bash\n", "text/plain"), "no picture that can be read"),
        (sends(b""), "no picture that can be read"),
        (sends(b"\xff"), "no picture that can be read"),
        (sends(PICTURE, status=404), "answers with 404"),
        (sends(PICTURE, status=206), "answers with 206"),
        (lambda request: request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n"), "breaks off"),
        (lambda request: None, "breaks off"),
    ],
)
def test_what_is_no_picture_is_a_sentence(web, fetch, answer, said):
    web.answers["/a.jpg"] = answer
    sentence = refusal(fetch, web.url("/a.jpg"))
    assert said in sentence
    assert not any(word in sentence for word in ("root", "OpenSSH", "doctype"))


def test_no_proxy_is_used(web, inside, fetch, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{inside.address}:{inside.port}")
    assert fetch(web.url("/a.jpg"))[1] == PICTURE
    assert not inside.asked
