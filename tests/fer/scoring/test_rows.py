import pytest

from fer.errors import UnreadableImage
from fer.faces.boxes import Box
from fer.recognizer import Face
from fer.scoring.rows import COLUMNS, error_row, photo_rows, safe_path, to_frame

BOX = Box(1.0, 2.0, 3.0, 4.0)
FACE = Face(BOX, BOX, 0.99, (0.1, 0.0, 0.2, 0.4, 0.1, 0.1, 0.1), threshold=0.4)
WHOLE = Face(BOX, BOX, None, FACE.probabilities, threshold=0.41)


def test_every_input_is_accounted_for():
    rows = [
        *photo_rows("two.jpg", (640, 480), [FACE, FACE], "cnn"),
        *photo_rows("crop.png", (48, 48), [WHOLE], "cnn"),
        *photo_rows("none.jpg", (640, 480), [], "cnn"),
        error_row("bad.jpg", UnreadableImage("The file is empty."), "cnn"),
    ]
    table = to_frame(rows)
    assert tuple(table.columns) == COLUMNS
    assert table["status"].tolist() == ["ok", "ok", "whole_image", "no_face", "error"]
    assert table["face"].tolist()[:3] == [1, 2, 1]
    assert table.loc[0, ["x1", "y1", "x2", "y2"]].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert table.loc[0, "p_happy"] == table.loc[0, "confidence"] == 0.4
    assert table["certain"].tolist()[:3] == [True, True, False]
    assert table["certain"][3:].isna().all()
    assert table.loc[4, "error"] == "The file is empty."
    lines = table.to_csv(index=False).splitlines()
    assert lines[1].startswith("two.jpg,ok,1,1.0,2.0,3.0,4.0,0.99,happy,0.4,True,")
    assert lines[5] == "bad.jpg,error" + "," * 19 + "cnn,The file is empty."


@pytest.mark.parametrize("name", ["=cmd.jpg", "+1.jpg", "-1.jpg", "@x.jpg"])
def test_names_that_are_formulas_are_disarmed(name):
    assert safe_path(name) == f"./{name}"


def test_other_names_are_left_alone():
    assert safe_path("a/=b.jpg") == "a/=b.jpg"
