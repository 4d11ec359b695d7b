import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fer.emotions import EMOTIONS
from tests.corpus import encoded
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
    assert "train has 3 images, officially 28,709." in remarks
    assert any("test has no FER+ votes" in remark for remark in remarks)
    assert "fer2013new.csv" in remarks[-1]
    assert "choose_by=label votes_weight=0" in remarks[-1]
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
        f"{name} has {count:,} images, officially {OFFICIAL_COUNTS[name]:,}."
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
        ("emotion", 9, r"Row 0 of .*fer2013\.csv has the label '9'"),
        ("pixels", "a b", "pixels that are not 0 to 255"),
        ("Usage", "PublicTest", "no images of test and none of train"),
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


def test_kaggle_s_full_file_is_the_same_table(official_csv, tmp_path):
    """icml_face_data.csv: another order of columns, and blanks before their names."""
    prepare(official_csv, tmp_path / "out")
    table = pd.read_csv(official_csv)
    table = table.rename(columns={"Usage": " Usage", "pixels": " pixels"})
    source = tmp_path / "icml_face_data.csv"
    table[["emotion", " Usage", " pixels"]].to_csv(source, index=False)
    prepare(source, tmp_path / "kaggle")
    for name in ("train", "validation", "test"):
        one, other = (load_split(tmp_path / folder, name) for folder in ("out", "kaggle"))
        assert np.array_equal(one.images, other.images)
        assert (one.labels.tolist(), one.rows.tolist()) == (
            other.labels.tolist(),
            other.rows.tolist(),
        )


@pytest.mark.parametrize("words", [list(EMOTIONS), ["anger", *(w.title() for w in EMOTIONS[1:])]])
@pytest.mark.parametrize("separator", [",", ";"])
def test_labels_may_be_words(words, separator, official_csv, tmp_path):
    table = pd.read_csv(official_csv)
    right = table["emotion"].tolist()
    table["emotion"] = [words[label] for label in right]
    table["Usage"] = table["Usage"].str.lower() + " "
    table.to_csv(official_csv, index=False, sep=separator, encoding="utf-8-sig")
    prepare(official_csv, tmp_path / "out")
    assert load_split(tmp_path / "out", "train").labels.tolist() == [3, 0, 2]


@pytest.mark.parametrize("value", ["", "nan", "7", "-1", "2.5", "contempt", "True", "²"])
def test_a_label_that_is_none_is_named_by_its_row(value, official_csv, tmp_path):
    table = pd.read_csv(official_csv, dtype=str)
    table.loc[4, "emotion"] = value
    table.to_csv(official_csv, index=False)
    with pytest.raises(BadData, match=r"Row 4 of .*fer2013\.csv has the label"):
        prepare(official_csv, tmp_path / "out")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"Usage": "Elsewhere"}, r"Row 4 of .*fer2013\.csv has the usage 'Elsewhere'"),
        ({"Usage": ""}, "Row 4 of .* has the usage ''"),
        ({"pixels": ""}, "Row 4 of .* has 0 pixels"),
        ({"pixels": " ".join(["256"] * 2304)}, "Row 4 of .* not 0 to 255"),
        ({"pixels": " ".join(["-1"] * 2304)}, "Row 4 of .* not 0 to 255"),
        ({"pixels": " ".join(["9" * 30] * 2304)}, "Row 4 of .* not 0 to 255"),
    ],
)
def test_what_a_row_lacks_is_named(value, sentence, official_csv, tmp_path):
    table = pd.read_csv(official_csv, dtype=str)
    table.loc[4, list(value)] = list(value.values())
    table.to_csv(official_csv, index=False)
    with pytest.raises(BadData, match=sentence) as caught:
        prepare(official_csv, tmp_path / "out")
    assert "new-" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"emotion,pixels\n0,1 2\n",
        b"PK\3\4",
        "emotion,pixels,Usage\n".encode("utf-16"),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 301072766\n",
    ],
)
@pytest.mark.parametrize("ending", ["csv", "csv.zip", "csv.gz", "tar.gz"])
def test_a_file_that_is_no_csv_is_one_sentence(data, ending, tmp_path):
    source = tmp_path / f"fer2013.{ending}"
    source.write_bytes(data)
    with pytest.raises(BadData, match=r"is not fer2013\.csv|Git LFS pointer") as caught:
        prepare(source, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.astype({"neutral": object}).replace({"neutral": {4: "many"}}),
        lambda table: table.iloc[:, :5],
    ],
)
def test_votes_that_are_none_are_one_sentence(change, official_csv, tmp_path):
    usage = pd.read_csv(official_csv)["Usage"]
    table = pd.DataFrame({"Usage": usage, "Image name": "fer.png", "neutral": 4})
    table = table.assign(**dict.fromkeys(["a", "b", "c", "d", "e", "f", "g", "unknown", "NF"], 0))
    change(table).to_csv(tmp_path / "fer2013new.csv", index=False)
    with pytest.raises(BadData, match=r"Row \d of .*fer2013new\.csv"):
        prepare(official_csv, tmp_path / "out")


def hub_table(pixels, names=None, labels=(3, 0, 1, 6, 2, 5), **columns):
    """A table as the `datasets` library writes it."""
    images = [{"bytes": encoded(Image.fromarray(image), "PNG"), "path": None} for image in pixels]
    table = pa.table({"image": images, "label": list(labels)} | columns)
    if names:
        features = {"label": {"names": list(names), "_type": "ClassLabel"}}
        noted = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": noted})
    return table


LAYOUTS = {
    "train.parquet": ("{}.parquet", ("train", "validation", "test")),
    "the Hub's": ("data/{}-00000-of-00001.parquet", ("train", "validation", "test")),
    "the Hub's, converted": ("default/{}/0000.parquet", ("train", "valid", "test")),
    "FER-2013's names": ("{}.parquet", ("Training", "PublicTest", "PrivateTest")),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parquet_of_others_gets_votes_of_zero_and_counted_rows(layout, tmp_path, pixels):
    pattern, names = LAYOUTS[layout]
    for name in names:
        path = tmp_path / "source" / pattern.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(hub_table(pixels), path)
    remarks = prepare(tmp_path / "source", tmp_path / "out")
    assert any("train has no FER+ votes" in remark for remark in remarks)
    for name in ("train", "validation", "test"):
        split = load_split(tmp_path / "out", name)
        assert np.array_equal(split.images[:, 0], pixels)
        assert split.labels.tolist() == [3, 0, 1, 6, 2, 5]
        assert split.rows.tolist() == list(range(6))
        assert not split.votes.any()


def test_parts_are_joined_and_validation_is_held_out(tmp_path, pixels):
    folder = tmp_path / "source" / "data"
    folder.mkdir(parents=True)
    for part in range(3):
        pq.write_table(hub_table(pixels), folder / f"train-0000{part}-of-00003.parquet")
    pq.write_table(hub_table(pixels), folder / "test-00000-of-00001.parquet")
    remarks = prepare(tmp_path / "source", tmp_path / "out")
    assert "2 of train were held out" in remarks[0]
    assert len(load_split(tmp_path / "out", "train")) == 16


def test_a_source_is_not_written_over(tmp_path, pixels):
    folder, link = tmp_path / "source", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    for name in ("train", "test"):
        pq.write_table(hub_table(pixels), folder / f"{name}.parquet")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for target in (folder, link):
        with pytest.raises(BadData, match="is what is read: give another folder"):
            prepare(folder, target)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_labels_in_another_order_are_those_that_their_names_say(tmp_path, pixels):
    alphabet = sorted(EMOTIONS)  # in which neutral comes before sad and surprise
    for name in ("train", "validation", "test"):
        table = hub_table(pixels, alphabet, [0, 3, 4, 5, 6, 2])
        (tmp_path / "source").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "source" / f"{name}.parquet")
    prepare(tmp_path / "source", tmp_path / "out")
    labels = load_split(tmp_path / "out", "test").labels.tolist()
    assert [EMOTIONS[label] for label in labels] == [alphabet[n] for n in (0, 3, 4, 5, 6, 2)]


@pytest.mark.parametrize("kind", ["RGB", "JPEG", "bytes"])
def test_images_in_other_forms_become_grey_pngs(kind, tmp_path, pixels):
    flat = np.repeat(pixels[:, :1, :1], 48, 1).repeat(48, 2)
    images = [
        encoded(
            Image.fromarray(image).convert("L" if kind == "bytes" else "RGB"),
            "JPEG" if kind == "JPEG" else "PNG",
        )
        for image in flat
    ]
    column = images if kind == "bytes" else [{"bytes": image, "path": "x"} for image in images]
    (tmp_path / "source").mkdir()
    for name in ("train", "validation", "test"):
        table = pa.table({"image": column, "label": [0] * 6})
        pq.write_table(table, tmp_path / "source" / f"{name}.parquet")
    prepare(tmp_path / "source", tmp_path / "out")
    read = load_split(tmp_path / "out", "test").images[:, 0].numpy().astype(int)
    assert np.abs(read - flat).max() <= 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table.drop(["label"]), "has no columns image and label"),
        (
            lambda table: table.set_column(1, "label", pa.array([0, 9, 0, 0, 0, 0])),
            "Row 1 of .*'9'",
        ),
        (lambda table: table.set_column(1, "label", pa.array(["?"] * 6)), r"Row 0 of .*'\?'"),
        (lambda table: table.set_column(1, "label", pa.nulls(6)), "Row 0 of .* has the label"),
        (lambda table: table.set_column(0, "image", pa.array([b"x"] * 6)), "Row 0 of .*image"),
        (lambda table: table.set_column(0, "image", pa.array(["a.png"] * 6)), "holds no image but"),
        (lambda table: table.slice(0, 0), "no images of test"),
        (
            lambda table: table.append_column("ferplus_votes", pa.array([[300] * 10] * 6)),
            "Row 0 of .*other votes than 10 counts",
        ),
        (
            lambda table: table.append_column("ferplus_votes", pa.array([[0.1] * 10] * 6)),
            "Row 0 of .*other votes than 10 counts",
        ),
        (
            lambda table: table.append_column("ferplus_votes", pa.array([["x"] * 10] * 6)),
            "Row 0 of .*other votes than 10 counts",
        ),
        (lambda table: table.append_column("row", pa.array(["a"] * 6)), "Row 0 of .*number 'a'"),
        (lambda table: table.append_column("row", pa.nulls(6)), "Row 0 of .* has the row number"),
    ],
)
def test_parquet_that_is_none_is_named_by_its_own_path(change, sentence, tmp_path, pixels):
    (tmp_path / "source").mkdir()
    for name in ("train", "validation", "test"):
        table = hub_table(pixels)
        path = tmp_path / "source" / f"{name}.parquet"
        pq.write_table(change(table) if name == "test" else table, path)
    with pytest.raises(BadData, match=sentence) as caught:
        prepare(tmp_path / "source", tmp_path / "out")
    assert "source" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parquet_in_shreds_is_one_sentence(tmp_path, pixels):
    (tmp_path / "source").mkdir()
    for name in ("train", "test"):
        (tmp_path / "source" / f"{name}.parquet").write_bytes(b"PAR1" + bytes(99))
    with pytest.raises(BadData, match=r"t\w+\.parquet cannot be read") as caught:
        prepare(tmp_path / "source", tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_what_notebooks_and_disks_leave_in_a_tree_is_passed_over(tmp_path, pixels):
    for split in ("train", "valid", "test"):
        for folder in ("Happiness", ".ipynb_checkpoints", "@eaDir", "Happiness/.ipynb_checkpoints"):
            (tmp_path / "tree" / split / folder).mkdir(parents=True)
        for name in ("1.png", "._1.png", ".2.png"):
            Image.fromarray(pixels[0]).save(tmp_path / "tree" / split / "Happiness" / name)
    prepare(tmp_path / "tree", tmp_path / "out")
    for split in ("train", "validation", "test"):
        assert load_split(tmp_path / "out", split).labels.tolist() == [3]
