import io
import random
import time
import unicodedata

import pandas as pd
import pytest

from fer.columns import PROBABILITIES
from fer.compare import own_labels
from fer.compare.own_labels import match
from fer.emotions import EMOTIONS
from fer.errors import UnreadableTable
from tests.conftest import allocating_less_than


def scored(path, emotion="happy", status="ok", face=0, model="cnn"):
    """A row of the batch scorer's table."""
    row = {"path": path, "status": status, "face": face, "model": model}
    if status in ("ok", "whole_image"):
        row |= dict.fromkeys(PROBABILITIES, 0.05) | {f"p_{emotion}": 0.7}
    return row


def csv(rows, name="scores.csv"):
    columns = ["path", "status", "face", *PROBABILITIES, "model"]
    file = io.BytesIO(pd.DataFrame(rows, columns=columns).to_csv(index=False).encode())
    file.name = name
    return file


def labels(text):
    file = io.BytesIO(text.encode())
    file.name = "labels.csv"
    return file


def test_labels_by_name_and_number_are_joined():
    rows = [scored("a.jpg"), scored("b.jpg", "sad", "whole_image"), scored("./=c.jpg", "fear")]
    found = match([csv(rows)], labels("path,label\na.jpg,Happy\nb.jpg,4\n=c.jpg,angry\n"))
    (predictions,) = found.models
    assert predictions.name == "cnn"
    assert predictions.table["row"].tolist() == ["a.jpg", "b.jpg", "=c.jpg"]
    assert [EMOTIONS[label] for label in predictions.labels] == ["happy", "sad", "angry"]
    assert [EMOTIONS[guess] for guess in predictions.predicted] == ["happy", "sad", "fear"]
    assert found.left_out == {}


def test_what_does_not_match_is_counted_and_named():
    rows = [
        scored("good.jpg"), scored("two.jpg"), scored("two.jpg", face=1), scored("extra.jpg"),
        scored("nobody.jpg", status="no_face"), scored("broken.jpg", status="error"),
        scored("odd.jpg") | {"p_sad": 3}, scored("twice.jpg"), scored("twice.jpg"),
        scored("unsure.jpg"), scored("wrong.jpg"),
    ]  # fmt: skip
    text = "path,label\n" + "".join(
        f"{name}.jpg,happy\n"
        for name in ("good", "two", "nobody", "broken", "odd", "twice", "gone", "unsure")
    )
    found = match([csv(rows)], labels(text + "unsure.jpg,sad\nwrong.jpg,joyful\n"))
    assert found.models[0].table["row"].tolist() == ["good.jpg", "twice.jpg"]
    assert found.left_out == {
        "has a label that is none of the seven": ["wrong.jpg"],
        "has two labels that differ": ["unsure.jpg"],
        "has a label but no row of cnn": ["gone.jpg"],
        "has a score but no label": ["extra.jpg"],
        "has no face that was found": ["nobody.jpg"],
        "could not be read": ["broken.jpg"],
        "has probabilities that do not sum to 1": ["odd.jpg"],
        "is scored twice": ["twice.jpg"],
        "has several faces and one label": ["two.jpg"],
    }


def test_several_faces_are_told_apart_by_number():
    rows = [scored("two.jpg"), scored("two.jpg", "sad", face=1), scored("two.jpg", face=2)]
    found = match([csv(rows)], labels("path,face,label\ntwo.jpg,1,sad\ntwo.jpg,0,happy\n"))
    assert found.models[0].table["row"].tolist() == ["two.jpg#0", "two.jpg#1"]
    assert (found.models[0].predicted == found.models[0].labels).all()
    assert found.left_out == {"has a face without a label": ["two.jpg"]}


def test_two_models_in_one_table_or_in_two():
    first, second = scored("a.jpg", model="cnn"), scored("a.jpg", "sad", model="flagship")
    for files in ([csv([first, second])], [csv([first]), csv([second])]):
        found = match(files, labels("path,label\na.jpg,sad\n"))
        assert [predictions.name for predictions in found.models] == ["cnn", "flagship"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "labels.csv is not a CSV"),
        ("photo;label\na.jpg;happy\n", "labels.csv has no column path"),
        (
            "path,label\nb.jpg,happy\n",
            r"1 × has a label but no row of cnn \(b\.jpg\)",
        ),
        ("path,label\na.jpg,joyful\n", r"1 × has a label that is none of the seven \(a\.jpg\)"),
        ("path,label\na.jpg,happy\na,b.jpg,sad\n", "Line 3 of labels.csv has 3 cells"),
        ("path,label\nLi, A.jpg,happy\nLi, B.jpg,sad\n", "Line 2 of labels.csv has 3 cells"),
        ("PK\3\4xlsx", "a spreadsheet's own file; save the table as CSV"),
        ('path,label\n"a.jpg,happy\n', "labels.csv is not a CSV"),
    ],
)
def test_a_wrong_table_of_labels_is_one_sentence(text, named):
    with pytest.raises(UnreadableTable, match=named) as caught:
        match([csv([scored("a.jpg")])], labels(text))
    assert "\n" not in str(caught.value)


def test_a_wrong_table_of_scores_is_one_sentence():
    good = labels("path,label\na.jpg,happy\n")
    with pytest.raises(UnreadableTable, match=r"other\.csv has no column status, face, model"):
        match([labels_file("path,emotion\na.jpg,happy\n")], good)
    with pytest.raises(UnreadableTable, match="has no rows"):
        match([csv([])], labels("path,label\na.jpg,happy\n"))
    binary = io.BytesIO(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(UnreadableTable, match="is not a CSV"):
        match([binary], labels("path,label\na.jpg,happy\n"))


def labels_file(text):
    file = labels(text)
    file.name = "other.csv"
    return file


def test_a_labelled_face_that_was_not_found_is_named():
    found = match([csv([scored("a.jpg")])], labels("path,face,label\na.jpg,0,sad\na.jpg,1,sad\n"))
    assert len(found.models[0].table) == 1
    assert found.left_out == {"has a label for a face that was not found": ["a.jpg"]}


def test_a_face_without_a_number_is_joined_with_its_photo_s_label_without_one():
    rows = [scored("one.jpg", face=""), scored("two.jpg", face=1)]
    found = match([csv(rows)], labels("path,face,label\none.jpg,,sad\ntwo.jpg,1,fear\n"))
    assert [EMOTIONS[label] for label in found.models[0].labels] == ["sad", "fear"]
    assert found.left_out == {}


def test_a_face_whose_label_is_bad_is_named_once():
    rows = [scored("two.jpg", face=face) for face in range(4)]
    text = "path,face,label\ntwo.jpg,0,sad\ntwo.jpg,1,joyful\ntwo.jpg,2,fear\ntwo.jpg,2,sad\n"
    found = match([csv(rows[:3])], labels(text + "two.jpg,9,joyful\ngone.jpg,0,joyful\n"))
    assert found.models[0].table["row"].tolist() == ["two.jpg#0"]
    assert found.left_out == {
        "has a label that is none of the seven": ["two.jpg", "gone.jpg"],
        "has two labels that differ": ["two.jpg"],
    }
    assert "has a face without a label" in match([csv(rows)], labels(text)).left_out


def test_labels_that_are_all_bad_are_one_sentence():
    with pytest.raises(UnreadableTable, match=r"a label: 1 × has a label that .* \(a\.jpg\)\.$"):
        match([csv([scored("a.jpg")])], labels("path,label,light\na.jpg,joyful,dim\n"))


def test_a_digit_that_is_none_of_ours_is_no_label():
    found = match(
        [csv([scored("a.jpg"), scored("b.jpg")])], labels("path,label\na.jpg,²\nb.jpg,6\n")
    )
    assert found.left_out["has a label that is none of the seven"] == ["a.jpg"]


def test_two_columns_of_one_name_get_a_sentence():
    with pytest.raises(UnreadableTable, match="two columns of one name"):
        match([csv([scored("a.jpg")])], labels("path,label,Label\na.jpg,sad,happy\n"))


def newer(file):
    """The table as it is written since faces are numbered from 1."""
    table = pd.read_csv(file).assign(certain=True)
    return labels(table.to_csv(index=False))


def test_faces_are_joined_by_number_in_tables_of_one_version():
    rows = [scored("a.jpg", "happy", face=1), scored("a.jpg", "sad", face=2)]
    truth = "path,face,label\na.jpg,1,happy\na.jpg,2,fear\n"
    (predictions,) = match([newer(csv(rows))], labels(truth)).models
    assert predictions.table["row"].tolist() == ["a.jpg#1", "a.jpg#2"]
    assert [EMOTIONS[label] for label in predictions.labels] == ["happy", "fear"]


def test_two_ways_of_numbering_are_not_mixed():
    old = [scored("a.jpg", face=0), scored("a.jpg", face=1)]
    new = [scored("a.jpg", face=1), scored("a.jpg", face=2)]
    truth = "path,face,label\na.jpg,0,happy\na.jpg,1,fear\n"
    with pytest.raises(UnreadableTable, match="count a photo's faces from 0"):
        match([newer(csv(new))], labels(truth))
    with pytest.raises(UnreadableTable, match="some, made by an older version"):
        match([csv(old), newer(csv(new))], labels(truth))
    assert len(match([csv(old)], labels(truth)).models[0].table) == 2


THREE = [scored("a.jpg"), scored("dé/b.jpg", "sad"), scored("c.jpg", "fear")]
LABELS = "path,label\na.jpg,happy\ndé/b.jpg,sad\nc.jpg,fear\n"


def every_line(end, first_only=False):
    header, first, *rest = LABELS.splitlines()
    return "\n".join([header, first + end, *(line if first_only else line + end for line in rest)])


@pytest.mark.parametrize(
    "data",
    [
        every_line(","),
        every_line(",", first_only=True),
        every_line(",,,,"),
        LABELS.replace(",", ";").replace("\n", "\r\n"),
        LABELS.replace(",", "\t"),
        "sep=;\r\n" + LABELS.replace(",", ";"),
        "\n\n" + LABELS + ",\n\n,,,\n\n",
        LABELS.replace("\n", "\r"),
        LABELS.encode("utf-8-sig"),
        LABELS.replace(",", "\t").encode("utf-16"),
        LABELS.replace(",", "\t").encode("utf-16-le"),
        LABELS.encode("cp1252"),
        '"Path" , "LABEL"\n"a.jpg", "Happy "\n"dé\\b.jpg","SAD"\n./c.jpg,Fear\n',
        "path,label\na.jpg,3.0\ndé/b.jpg,4.0\nc.jpg,2\n",
        "path;label\na.jpg;3,0\ndé/b.jpg;4,0\nc.jpg;2,0\n",
        "path,label\na.jpg,happiness\ndé/b.jpg,sadness\nc.jpg,fearful\n",
        unicodedata.normalize("NFD", LABELS),
        LABELS + LABELS,
        ",path,label\n0,a.jpg,happy\n1,dé/b.jpg,sad\n2,c.jpg,fear\n",
        "path,label\n0,a.jpg,happy\n1,dé/b.jpg,sad\n2,c.jpg,fear\n",
        "path,face,label\na.jpg,,happy\ndé/b.jpg,,sad\nc.jpg,,fear\n",
        'path,label\n"=""a.jpg""",happy\ndé/b.jpg,sad\nc.jpg,fear\n',
        "path,label\nA.JPG,happy\ndé/b.jpg,sad\nC.jpg,fear\n",
        "path,label\nC:\\me\\a.jpg,happy\nC:\\me\\dé\\b.jpg,sad\nC:\\me\\c.jpg,fear\n",
        "path,label,note\na.jpg,happy\ndé/b.jpg,sad,ok\nc.jpg,fear\n",
    ],
)
def test_labels_as_spreadsheets_and_pandas_write_them(data):
    file = io.BytesIO(data if isinstance(data, bytes) else data.encode())
    found = match([csv(THREE)], file)
    (predictions,) = found.models
    assert predictions.table["row"].tolist() == ["a.jpg", "dé/b.jpg", "c.jpg"]
    assert (predictions.labels == predictions.predicted).all()
    assert found.left_out == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_scores_saved_by_a_spreadsheet_are_read(encoding):
    text = csv(THREE).getvalue().decode().replace(",", ";").replace("0.", "0,")
    text = text.replace("0,7", "70%").replace("\n", ";;\r\n")
    file = io.BytesIO(text.encode(encoding))
    found = match([file], labels(LABELS))
    assert (found.models[0].labels == found.models[0].predicted).all()
    assert found.left_out == {}


def test_a_photo_of_another_folder_is_not_taken_for_one_of_its_name():
    rows = [scored("a.jpg"), scored("x/b.jpg"), scored("y/b.jpg")]
    found = match([csv(rows)], labels("path,label\na.jpg,happy\nold/b.jpg,sad\nb.jpg,sad\n"))
    assert found.models[0].table["row"].tolist() == ["a.jpg"]
    assert found.left_out["has a label but no row of cnn"] == ["old/b.jpg", "b.jpg"]


def test_labels_from_another_folder_on_are_joined_as_if_each_pair_were_looked_at():
    rng = random.Random(0)

    def draw() -> str:
        return "/".join([*rng.choices("abc", k=rng.randint(0, 3)), rng.choice("xy")])

    for _ in range(500):
        scored = {draw() for _ in range(4)}
        paths = pd.Series([path for path in {draw() for _ in range(4)} if path not in scored])
        expected = []
        for path in paths:
            found = [
                one
                for one in scored
                if f"/{one}".endswith(f"/{path}") or f"/{path}".endswith(f"/{one}")
            ]
            expected.append(found[0] if len(found) == 1 else path)
        taken = [
            one if expected.count(one) == 1 else path
            for one, path in zip(expected, paths, strict=True)
        ]
        assert own_labels._as_scored(paths, scored).tolist() == taken


def test_many_photos_of_one_name_in_another_folder_are_joined_in_seconds():
    paths = pd.Series([f"here/{number}/photo.jpg" for number in range(20_000)])
    began = time.monotonic()
    joined = own_labels._as_scored(paths, {path.removeprefix("here/") for path in paths})
    assert time.monotonic() - began < 20  # looking at each pair takes minutes
    assert joined.tolist() == [path.removeprefix("here/") for path in paths]


def test_labels_of_faces_that_would_become_those_of_one_photo_stay_as_they_are():
    rows = [scored("a.jpg"), scored("a.jpg", "sad", face=1)]
    text = "path,face,label\nA.jpg,0,happy\nA.jpg,1,fear\na.jpg,0,happy\n"
    found = match([csv(rows)], labels(text))
    assert found.models[0].table["row"].tolist() == ["a.jpg#0"]
    assert found.left_out == {
        "has a label but no row of cnn": ["A.jpg"],
        "has a face without a label": ["a.jpg"],
    }


def test_names_that_differ_in_capitals_are_two_photos():
    rows = [scored("a.jpg"), scored("A.jpg", "sad")]
    found = match([csv(rows)], labels("path,label\na.jpg,happy\nA.jpg,sad\n"))
    assert found.models[0].table["row"].tolist() == ["a.jpg", "A.jpg"]


def test_a_path_of_folders_without_end_is_not_held_once_for_each():
    """Sixty thousand of them in one cell were gigabytes."""
    deep = "a/" * 8_000
    with allocating_less_than(20_000_000):
        found = match([csv([scored(f"{deep}x.jpg"), scored("b/c/y.jpg")])],
                      labels("path,label\nc/y.jpg,happy\n"))  # fmt: skip
    assert found.models[0].table["row"].tolist() == ["b/c/y.jpg"]
