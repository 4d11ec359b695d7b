import io
import stat
import struct
import zipfile
import zlib

import pytest

from app.server.archives import unzip
from app.server.uploads import SENT, Limits
from fer.errors import TooMuch, UnreadableArchive
from tests.conftest import allocating_less_than
from tests.corpus import whole


def packed(*files: tuple[str | zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, data in files:
            archive.writestr(name, data, packing)
    return buffer.getvalue()


def named(name: str) -> zipfile.ZipInfo:
    """An entry whose name stays as it is; ZipInfo itself changes some."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    return info


def encrypted(data: bytes) -> bytes:
    """Say of an archive's one file that it is encrypted."""
    index = data.index(b"PK\x01\x02") + 8
    for place in (6, index):
        (flags,) = struct.unpack_from("<H", data, place)
        data = data[:place] + struct.pack("<H", flags | 1) + data[place + 2 :]
    return data


def read_error(data: bytes, limits: Limits = SENT) -> str:
    (entry,) = unzip("a.zip", data, limits).entries
    try:
        entry.read()
    except OSError as error:
        return error.strerror
    pytest.fail("was read")


def test_photos_are_listed_and_read_one_by_one():
    batch = unzip("a.zip", packed(("b/1.jpg", b"one"), ("notes.txt", b""), ("2.PNG", b"two")))
    assert [(entry.path, entry.read()) for entry in batch.entries] == [
        ("b/1.jpg", b"one"),
        ("2.PNG", b"two"),
    ]
    assert (batch.name, batch.skipped) == ("a.zip", 1)


def test_folders_and_what_a_mac_adds_are_no_photos():
    batch = unzip("a.zip", packed(("b/", b""), ("__MACOSX/._1.jpg", b"x"), ("1.jpg", b"x")))
    assert [entry.path for entry in batch.entries] == ["1.jpg"]
    assert batch.skipped == 1


def test_names_in_utf8_without_saying_so_are_read():
    data = packed(("é.jpg", b"x"))
    index = data.index(b"PK\x01\x02") + 8
    for place in (6, index):  # take the flag for UTF-8 away, as archives from a Mac lack it
        data = data[:place] + b"\0\0" + data[place + 2 :]
    assert unzip("a.zip", data).entries[0].path == "é.jpg"


def in_code_page(names: list[str], encoding: str, extra: bytes = b"") -> bytes:
    """Return an archive whose names are in a code page, which nothing says."""
    raw = [name.encode(encoding) for name in names]
    stand_ins = [f"{number:04}".ljust(len(name), "-") for number, name in enumerate(raw)]
    infos = [named(stand_in) for stand_in in stand_ins]
    for info in infos:
        info.extra = extra
    data = packed(*((info, b"x") for info in infos))
    for stand_in, name in zip(stand_ins, raw, strict=True):
        data = data.replace(stand_in.encode(), name)
    return data


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp932", ["写真/花見.jpg", "写真/テスト.jpg", "笑顔1.png"]),
        ("cp932", ["写真/ソ連.jpg"]),  # of whose bytes one is a backslash's
        ("gbk", ["照片/笑脸.jpg", "新建文件夹/图片1.jpg", "家庭.png"]),
        ("cp949", ["사진/웃는얼굴.jpg", "새 폴더/가족.jpg"]),
        ("cp866", ["Новая папка/семья.png", "Новая папка/улыбка.jpg"]),
        ("cp437", ["Müller/café.jpg", "Möbel.jpg", "Fête été.png"]),
        ("cp437", ["Ångström.jpg"]),
        ("cp437", ["niño.jpg"]),
    ],
)
def test_names_in_the_code_page_of_a_country_are_read(encoding, names):
    batch = unzip("a.zip", in_code_page(names, encoding))
    assert {entry.path: entry.read() for entry in batch.entries} == dict.fromkeys(names, b"x")


@pytest.mark.parametrize(
    ("encoding", "name", "unicode"),
    [("cp850", "ÅÄ.jpg", "Åäö.jpg"), ("cp932", "写.jpg", "写真.jpg")],
)
def test_the_unicode_name_beside_the_other_counts(encoding, name, unicode):
    raw = name.encode(encoding)
    field = struct.pack("<BI", 1, zlib.crc32(raw)) + unicode.encode()
    extra = struct.pack("<HH", 0x7075, len(field)) + field
    (entry,) = unzip("a.zip", in_code_page([name], encoding, extra)).entries
    assert (entry.path, entry.read()) == (unicode, b"x")


def test_names_with_backslashes_are_paths():
    data = packed(
        (named("photos\\"), b""),
        (named("photos\\a.jpg"), b"x"),
        (named("photos\\._a.jpg"), b"x"),
        (named("photos\\@eaDir\\a.jpg\\SYNOPHOTO_THUMB_XL.jpg"), b"x"),
    )
    batch = unzip("a.zip", data)
    assert [(entry.path, entry.read()) for entry in batch.entries] == [("photos/a.jpg", b"x")]
    assert batch.skipped == 2


def test_two_files_of_one_name_can_be_told_apart():
    data = packed((named("a\\b.jpg"), b"one"), (named("a/b.jpg"), b"two"))
    assert {entry.path: entry.read() for entry in unzip("a.zip", data).entries} == {
        "a/b.jpg": b"one",
        "a/b (2).jpg": b"two",
    }


def test_where_the_ending_is_unknown_the_first_bytes_decide():
    batch = unzip("a.zip", packed(("photo", whole("JPEG")), ("b.jfif", b"x"), ("notes", b"x")))
    assert [entry.path for entry in batch.entries] == ["photo", "b.jfif"]
    assert batch.skipped == 1


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "C:/x.jpg", "..\\x.jpg", "\\\\host\\x.jpg"]
)
def test_a_name_that_leads_out_is_not_read(name):
    assert "leads out" in read_error(packed((named(name), b"x")))


def test_a_link_is_not_followed():
    info = zipfile.ZipInfo("x.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "link" in read_error(packed((info, b"/etc/passwd")))


def test_an_encrypted_photo_is_named_so():
    assert "encrypted" in read_error(encrypted(packed(("x.jpg", b"secret"))))


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_bytes_are_an_error_of_that_photo_alone(packing):
    first = packed(("x.jpg", bytes(range(256)) * 8), ("y.jpg", b"whole"), packing=packing)
    start = 30 + len("x.jpg")
    batch = unzip("a.zip", first[:start] + bytes(16) + first[start + 16 :])
    with pytest.raises(OSError, match="damaged"):
        batch.entries[0].read()
    assert batch.entries[1].read() == b"whole"


def test_a_damaged_header_is_an_error_of_that_photo_alone():
    data = packed(("x.jpg", b"one"), ("y.jpg", b"two"))
    assert "damaged" in read_error(b"XX" + packed(("x.jpg", b"one"))[2:])
    assert unzip("a.zip", b"XX" + data[2:]).entries[1].read() == b"two"


def test_a_photo_over_the_limit_is_refused_before_it_is_unpacked():
    bomb = packed(("x.jpg", bytes(3_000_000)), packing=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10_000
    assert "larger than 2 MB" in read_error(bomb, Limits(file_bytes=2_000_000))


def test_no_more_is_unpacked_than_the_index_states():
    """A bomb that lies about its size gives that size, and then does not match its checksum."""
    data = packed(("x.jpg", bytes(30_000_000)), packing=zipfile.ZIP_DEFLATED)
    place = data.index(b"PK\x01\x02") + 24
    with allocating_less_than(5_000_000):
        assert "damaged" in read_error(data[:place] + struct.pack("<I", 1000) + data[place + 4 :])


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_whose_unpackers_know_no_limit_are_refused(packing):
    data = packed(("x.jpg", bytes(3_000_000)), packing=packing)
    assert "packed in an unusual way" in read_error(data)


def test_too_many_files_are_refused_with_the_limit():
    data = packed(*((f"{number}.jpg", b"x") for number in range(4)))
    with pytest.raises(TooMuch, match="more than 3 files"):
        unzip("a.zip", data, Limits(files=3))


def test_an_index_beyond_measure_is_refused_before_it_is_parsed(monkeypatch):
    data = packed(*((f"{number}.jpg", b"x") for number in range(40)))
    monkeypatch.setattr("zipfile.ZipFile", lambda *args, **options: pytest.fail("was parsed"))
    with pytest.raises(TooMuch, match="more than 3 files"):
        unzip("a.zip", data, Limits(files=3))


def test_too_much_together_is_refused_with_the_limit():
    data = packed(("1.jpg", bytes(700_000)), ("2.jpg", bytes(700_000)))
    with pytest.raises(TooMuch, match="limit here is 1 MB"):
        unzip("a.zip", data, Limits(total_bytes=1_000_000))


@pytest.mark.parametrize(
    "data", [b"", b"not a zip", packed(("1.jpg", b"x" * 99))[:-30], b"PK\x05\x06"]
)
def test_what_is_no_archive_gets_a_sentence(data):
    with pytest.raises(UnreadableArchive, match="not a zip archive"):
        unzip("a.zip", data)
