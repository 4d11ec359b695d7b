import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from training.data import OFFICIAL_COUNTS, BadData, load_split


def png(size=(48, 48), mode="L") -> dict:
    buffer = io.BytesIO()
    Image.new(mode, size, 77).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": "x.png"}


def table(**changes) -> pd.DataFrame:
    votes = np.zeros((2, 10), np.int8)
    votes[0, [1, 3, 8]] = (6, 2, 2)  # happiness, sadness, unknown
    columns = {"image": [png(), png()], "label": [3, 0], "ferplus_votes": list(votes)}
    return pd.DataFrame(columns | {"row": np.arange(2, dtype=np.int32)} | changes)


def test_reads_images_labels_and_votes(tmp_path):
    table().to_parquet(tmp_path / "test.parquet")
    split = load_split(tmp_path, "test")
    assert split.images.shape == (2, 1, 48, 48)
    assert split.images.dtype == torch.uint8
    assert (split.images == 77).all()
    assert split.labels.tolist() == [3, 0]
    assert split.votes[0].tolist() == [0, 6, 0, 2, 0, 0, 0, 0, 2, 0]
    assert split.majority.tolist() == [3, -1]
    assert split.votes[1].sum() == 0


def test_targets_mix_label_and_votes(tmp_path):
    table(label=[4, 0]).to_parquet(tmp_path / "test.parquet")
    split = load_split(tmp_path, "test")
    assert split.targets(0.0)[0].tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert split.targets(1.0)[0].tolist() == [0, 0, 0, 0.75, 0.25, 0, 0]
    assert split.targets(0.4)[0].tolist() == pytest.approx([0, 0, 0, 0.3, 0.7, 0, 0])
    assert split.targets(1.0)[1].tolist() == [1, 0, 0, 0, 0, 0, 0]  # no votes: its label


def test_what_is_not_the_data_set_is_named(tmp_path):
    with pytest.raises(BadData, match=r"has no train\.parquet"):
        load_split(tmp_path, "train")
    path = tmp_path / "test.parquet"
    path.write_bytes(b"PAR1 no")
    with pytest.raises(BadData, match="cannot be read"):
        load_split(tmp_path, "test")
    table().drop(columns="label").to_parquet(path)
    with pytest.raises(BadData, match="label"):
        load_split(tmp_path, "test")
    table(label=[3, 7]).to_parquet(path)
    with pytest.raises(BadData, match=r"outside 0 to 6: \[7\]"):
        load_split(tmp_path, "test")
    table(image=[png(), png((64, 64))]).to_parquet(path)
    with pytest.raises(BadData, match="48 x 48"):
        load_split(tmp_path, "test")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": [png()["bytes"]] * 2}, "byte indices"),
        ({"label": [3.5, 0.0]}, "to int64"),
        ({"image": [png(), None]}, "NoneType"),
        ({"image": [png(), {"bytes": b"no image", "path": "x.png"}]}, "cannot identify image"),
        ({"image": [png(), {"bytes": png()["bytes"][:60], "path": "x.png"}]}, "truncated"),
        ({"image": [png(), png(mode="P")]}, "48 x 48 pixels and mode P"),
        ({"image": [png(mode="I;16")] * 2}, "48 x 48 pixels and mode I;16"),
        ({"ferplus_votes": [np.zeros(10, np.int8), None]}, "same shape"),
        ({"ferplus_votes": [np.zeros(8, np.int8)] * 2}, "not 10 counts an image"),
        ({"ferplus_votes": [np.full(10, 300)] * 2}, "not 10 counts an image"),
        ({"ferplus_votes": [np.full(10, 0.1)] * 2}, "not 10 counts an image"),
        ({"ferplus_votes": [np.full(10, np.nan)] * 2}, "not 10 counts an image"),
        ({"ferplus_votes": [["x"] * 10] * 2}, "not 10 counts an image"),
        ({"label": ["happy", "angry"]}, "as a scalar of type int64"),
        ({"label": [3, np.nan]}, "with missing values"),
        ({"row": ["a", "b"]}, "as a scalar of type int64"),
        ({"row": [1, 1]}, "a row twice"),
    ],
)
def test_what_others_put_into_such_columns_is_a_sentence(changes, reason, tmp_path):
    table(**changes).to_parquet(tmp_path / "test.parquet")
    with pytest.raises(BadData, match=rf"test\.parquet cannot be read \(.*{reason}.*prepare"):
        load_split(tmp_path, "test")


def test_official_split(data):
    for name in ("validation", "test"):
        split = load_split(data, name)
        assert len(split) == OFFICIAL_COUNTS[name]
    assert split.labels.bincount().tolist() == [491, 55, 528, 879, 594, 416, 626]
    # Where the annotators agree on an emotion, it is the label on two thirds of the images.
    known = split.majority >= 0
    assert int(known.sum()) == 3350
    assert (split.majority == split.labels)[known].float().mean() == pytest.approx(0.656, abs=5e-3)
