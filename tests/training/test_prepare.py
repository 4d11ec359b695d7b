import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer.emotions import EMOTIONS
from tests.drawn import COUNTS
from training.data import OFFICIAL_COUNTS, BadData, load_split
from training.prepare import differences, prepare


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)


@pytest.fixture
def official_csv(tmp_path, pixels):
    path = tmp_path / "fer2013.csv"
    usage = ["Training", "Training", "PublicTest", "PrivateTest", "Training", "PrivateTest"]
    text = [" ".join(map(str, image.flatten())) for image in pixels]
    table = pd.DataFrame({"emotion": [3, 0, 1, 6, 2, 5], "pixels": text, "Usage": usage})
    table.to_csv(path, index=False)
    return path


def test_the_official_csv(official_csv, tmp_path, pixels):
    remarks = prepare(official_csv, tmp_path / "out")
    assert "train has 3 images, officially 28709." in remarks
    assert any("test has no FER+ votes" in remark for remark in remarks)
    train, test = (load_split(tmp_path / "out", name) for name in ("train", "test"))
    assert train.labels.tolist() == [3, 0, 2]
    assert train.rows.tolist() == [0, 1, 4]
    assert np.array_equal(train.images[:, 0], pixels[[0, 1, 4]])
    assert np.array_equal(test.images[:, 0], pixels[[3, 5]])


def test_votes_come_from_the_file_beside_it(official_csv, tmp_path):
    votes = np.zeros((6, 10), int)
    votes[0, [0, 1]] = (4, 6)  # neutral, happiness
    columns = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear",
               "contempt", "unknown", "NF"]  # fmt: skip
    table = pd.DataFrame(votes, columns=columns)
    table.insert(0, "Image name", "fer.png")
    table.insert(0, "Usage", "Training")
    table.to_csv(tmp_path / "fer2013new.csv", index=False)
    prepare(official_csv, tmp_path / "out")
    split = load_split(tmp_path / "out", "train")
    assert split.votes[0].tolist() == votes[0].tolist()
    shares = split.targets(1.0)[0]
    assert shares[EMOTIONS.index("happy")].item() == pytest.approx(0.6)
    assert shares[EMOTIONS.index("neutral")].item() == pytest.approx(0.4)
    table.iloc[:3].to_csv(tmp_path / "fer2013new.csv", index=False)
    with pytest.raises(BadData, match=r"fer2013new\.csv has 3 rows"):
        prepare(official_csv, tmp_path / "out")


def test_the_folder_tree_holds_out_a_validation_split(tmp_path, pixels):
    for split, count in (("train", 20), ("test", 5)):
        for emotion in ("angry", "happy"):
            folder = tmp_path / "tree" / split / emotion
            folder.mkdir(parents=True)
            for index in range(count):
                Image.fromarray(pixels[index % 6]).save(folder / f"{index}.png")
    remarks = prepare(tmp_path / "tree", tmp_path / "out")
    assert "4 of train were held out" in remarks[0]
    splits = {name: load_split(tmp_path / "out", name) for name in ("train", "validation", "test")}
    assert [len(split) for split in splits.values()] == [36, 4, 10]
    assert splits["test"].labels.tolist() == [0] * 5 + [3] * 5
    assert not set(splits["train"].rows.tolist()) & set(splits["validation"].rows.tolist())


def test_parquet_is_checked_and_copied(drawn, tmp_path):
    assert prepare(drawn, tmp_path / "out") == [
        f"{name} has {count} images, officially {OFFICIAL_COUNTS[name]}."
        for name, count in COUNTS.items()
    ]
    before, after = (load_split(folder, "test") for folder in (drawn, tmp_path / "out"))
    assert np.array_equal(before.images, after.images)
    assert np.array_equal(before.votes, after.votes)


def test_the_official_data_differs_in_nothing(data):
    assert differences(data) == []


def test_what_is_wrong_is_named(official_csv, tmp_path):
    with pytest.raises(BadData, match="There is no"):
        prepare(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="no folder test and no folder train"):
        prepare(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "odd" / "train" / "bored").mkdir(parents=True)
    with pytest.raises(BadData, match="a folder 'bored'; the classes are angry"):
        prepare(tmp_path / "odd", tmp_path / "out")
    table = pd.read_csv(official_csv)
    table.loc[2, "pixels"] = "1 2 3"
    table.to_csv(official_csv, index=False)
    with pytest.raises(BadData, match=r"Row 2 of .* has 3 pixels"):
        prepare(official_csv, tmp_path / "out")
    table.drop(columns="Usage").to_csv(official_csv, index=False)
    with pytest.raises(BadData, match=r"is not fer2013\.csv"):
        prepare(official_csv, tmp_path / "out")


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("emotion", 9, "labels outside 0 to 6"),
        ("pixels", "a b", "pixels that are not 0 to 255"),
        ("Usage", "PublicTest", "holds no images"),
    ],
)
def test_a_damaged_source_leaves_what_was_there(column, value, sentence, official_csv, tmp_path):
    prepare(official_csv, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    table = pd.read_csv(official_csv)
    table[column] = value
    table.to_csv(official_csv, index=False)
    with pytest.raises(BadData, match=sentence):
        prepare(official_csv, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_files_that_are_no_photos_are_passed_over_and_damaged_ones_named(tmp_path, pixels):
    for split in ("train", "test"):
        folder = tmp_path / "tree" / split / "happy"
        folder.mkdir(parents=True)
        for index in range(10):
            Image.fromarray(pixels[0]).save(folder / f"{index}.png")
        (folder / "Thumbs.db").write_bytes(b"x")
    prepare(tmp_path / "tree", tmp_path / "out")
    (folder / "bad.png").write_bytes(b"x")
    with pytest.raises(BadData, match=r"bad\.png: This is not an image"):
        prepare(tmp_path / "tree", tmp_path / "out")
