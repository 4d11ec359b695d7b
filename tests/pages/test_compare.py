import io
import json
import shutil
from functools import partial

import pandas as pd
import pytest

from app.compare.images import data_folder
from app.compare.measure import settings
from app.compare.models import leaderboard, read_all
from app.compare.report import comparison_report
from app.compare.study import UNBALANCED
from fer.artifacts import Artifact
from fer.artifacts.robustness import CORRUPTIONS, Robustness
from fer.artifacts.timing import Timing
from fer.columns import PROBABILITIES
from fer.compare.metrics import Predictions
from fer.compare.references import REFERENCES
from fer.emotions import EMOTIONS
from tests.made import give_votes, make_model, state_figures
from tests.pages import conftest


@pytest.fixture
def models(tmp_path, monkeypatch, cnn_folder):
    """The shipped CNN and two made models, in place of what ships."""
    shutil.copytree(cnn_folder, tmp_path / "cnn")
    (tmp_path / "cnn" / "robustness.json").unlink()
    make_model(tmp_path / "flagship", 1)
    make_model(tmp_path / "resnet50", 2, 0.2)
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    monkeypatch.delenv("FER_DATA", raising=False)
    return tmp_path


open_page = partial(conftest.open_page, "compare")


def charts(app):
    return {chart.key: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


def texts(app):
    return "\n".join(element.value for element in (*app.markdown, *app.caption, *app.text))


def test_the_short_answer_and_the_leaderboard(models):
    app = open_page()
    answer = {metric.label: metric.value for metric in app.metric}
    assert answer == {
        "Best overall": "flagship",
        "Best for disgust": "flagship",
        "Is it chance?": "unlikely",
        "What it costs": "not timed",
    }
    board = app.dataframe[0].value
    assert board["model"].tolist() == ["flagship", "resnet50", "cnn"]
    cnn = board.set_index("model").loc["cnn"]
    artifact = Artifact(models / "cnn")
    assert cnn["parameters"] == artifact.parameters
    assert cnn["accuracy"] == pytest.approx(artifact.accuracy("test"))


def test_the_short_answer_is_one_sentence(models):
    sentence = open_page().header[0].value
    assert sentence.startswith("Take **flagship**; ")
    assert "for **disgust** " in sentence
    sentence = open_page(emotion="happy").header[0].value
    assert "**happy**" in sentence


def test_a_report_of_no_chosen_model_has_the_leaderboard_alone(models):
    found, _ = read_all()
    by_name = {name: Predictions(name, artifact.labelled()) for name, artifact in found.items()}
    board = leaderboard(found, by_name, "label")
    asked = settings("votes", 3301, True, "fear")
    page = comparison_report("Take **cnn**.", asked, board, [], found).decode()
    body = page.partition("<body>")[2]
    assert body.count("Plotly.newPlot(") == 1
    for said in (
        "Take <strong>cnn</strong>.",
        "FER+ votes",
        "3,301 test images",
        "fear",
        "resnet50",
    ):
        assert said in body
    assert f"{board['accuracy'].max():.1%}" in body


def test_what_others_report_stands_in_one_list_with_our_models_the_best_first(models):
    app = open_page()
    listed = app.dataframe[1].value
    assert listed["accuracy"].is_monotonic_decreasing
    assert set(listed["name"]) >= {"cnn", "flagship", "resnet50", *(r.name for r in REFERENCES)}
    assert (listed["ours"] == "this app").sum() == 3
    for column in ("source", "code"):
        assert listed[column].dropna().str.startswith("https://").all()
    overstated = listed.set_index("name").loc["VGG-19, ten-crop (Wu)", "remark"]
    assert "overstated" in overstated


def test_two_matrices_for_the_best_two_then_for_those_chosen(models):
    app = open_page(view="Confusion")
    assert list(charts(app)) == ["confusion-flagship", "confusion-resnet50"]
    app.get_by_key("models").set_value(["cnn"]).run()
    assert list(charts(app)) == ["confusion-cnn"]
    app.get_by_key("models").set_value([]).run()
    assert not app.exception
    assert "Choose a model" in app.info[0].value


@pytest.fixture
def voted(models):
    """The same models; the CNN and the flagship know the votes."""
    give_votes(models / "cnn")
    give_votes(models / "flagship")
    give_votes(models / "resnet50", None)
    return models


def test_right_is_by_the_label_or_by_the_votes_everywhere(voted):
    by_label = open_page(view="Confusion", models=["cnn"])
    assert "one person's opinion of each of the 3,589 test images" in texts(by_label)
    app = open_page(view="Confusion", models=["cnn"], measure="FER+ votes")
    table = Artifact(voted / "cnn").labelled("votes")
    assert f"of the 3,589 test images, {len(table):,} have" in texts(app)
    assert "Not measured by the votes, and left out: resnet50" in texts(app)
    matrices = [charts(page)["confusion-cnn"]["data"][0]["z"] for page in (by_label, app)]
    assert matrices[0] != matrices[1]
    app.get_by_key("view").set_value("Overview").run()
    board = app.dataframe[0].value.set_index("model")
    assert set(board.index) == {"cnn", "flagship"}
    for name in board.index:
        stated = Artifact(voted / name).accuracy("test", "votes")
        assert board.loc[name, "accuracy"] == pytest.approx(stated)


def test_the_two_best_are_those_by_the_measure_until_others_are_chosen(voted):
    give_votes(voted / "resnet50", 1)
    give_votes(voted / "flagship", None)
    app = open_page(view="Confusion")
    assert app.get_by_key("models").value == ["flagship", "resnet50"]
    app.get_by_key("measure").set_value("FER+ votes").run()
    assert set(app.get_by_key("models").value) == {"cnn", "resnet50"}
    assert not app.exception
    assert not app.warning
    app.get_by_key("models").set_value(["cnn"]).run()
    app.get_by_key("measure").set_value("FER-2013's label").run()
    assert app.get_by_key("models").value == ["cnn"]


def test_of_few_images_nothing_is_said_of_how_many_agreed(voted):
    for folder in voted.iterdir():
        table = pd.read_parquet(folder / "predictions.parquet").head(40)
        table.to_parquet(folder / "predictions.parquet", index=False)
        state_figures(folder)
    app = open_page(view="What people agree on")
    assert "agreement" in charts(app)
    assert "of ten saw the same emotion" not in texts(app)


def test_images_that_stand_in_train_can_be_left_out_everywhere(voted):
    app = open_page(view="Confusion", models=["cnn"], unseen="true")
    assert "each of the 3,301 test images" in texts(app)
    app.get_by_key("view").set_value("Overview").run()
    board = app.dataframe[0].value.set_index("model")
    stated = Artifact(voted / "cnn").get("splits", "test", "not_in_train", "accuracy")
    assert board.loc["cnn", "accuracy"] == pytest.approx(stated)
    app.get_by_key("view").set_value("Head to head").run()
    assert "of 3,301 images" in texts(app)
    app = open_page(view="What people agree on", models=["cnn"], unseen="true")
    assert "of 3,301 test images both" in texts(app)


def test_other_projects_networks_are_compared_and_not_recommended(models, monkeypatch):
    rival = make_model(models / "rivals" / "other", 3, 0.9)
    metrics = json.loads((rival / "metrics.json").read_text())
    metrics |= {"source": "https://example.org", "licence": "MIT", "learnt_from": "the web"}
    (rival / "metrics.json").write_text(json.dumps(metrics))
    app = open_page()
    assert not app.warning
    assert app.dataframe[0].value["model"].tolist()[0] == "rivals/other"
    assert "Take **flagship**" in app.header[0].value
    assert app.metric[0].value == "flagship"
    assert "other projects' networks: rivals/other is right on" in texts(app)
    assert "rivals/other" in app.expander[0].label
    assert "https://example.org; licence: MIT. the web." in texts(app)
    assert "rivals/other" not in set(app.dataframe[1].value["name"])
    app = open_page(view="Head to head", first="rivals/other", second="cnn", unseen="true")
    assert "rivals/other is right on" in texts(app)
    app = open_page(view="When it breaks", models=["rivals/other"])
    assert "Not measured on disturbed images: rivals/other." in texts(app)
    monkeypatch.setenv("FER_MODELS", "cnn")
    assert open_page().dataframe[0].value["model"].tolist() == ["cnn"]


def test_models_without_votes_have_one_measure(models):
    for folder in models.iterdir():
        give_votes(folder, None)
    app = open_page(measure="FER+ votes")
    assert not app.exception
    assert not [control for control in app.get("button_group") if control.key == "measure"]
    assert "do not know the votes" in open_page(view="What people agree on").info[0].value


def test_the_threshold_of_the_pages_stands_on_the_curve(models):
    path = models / "cnn" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"threshold": 0.6}))
    app = open_page(view="When to trust it", models=["cnn"])
    assert app.slider(key="threshold").value == 0.6
    assert "The pages use 60% with it." in texts(app)
    table = app.dataframe[0].value.iloc[0]
    marks = charts(app)["risk-coverage"]["data"][-1]
    assert marks["x"] == [pytest.approx(table["coverage"])]
    assert marks["y"] == [pytest.approx(1 - table["accuracy"])]
    app.slider(key="threshold").set_value(0.0).run()
    assert app.dataframe[0].value.iloc[0]["answered"] == 3589
    app.slider(key="threshold").set_value(1.0).run()
    assert "**cnn** is never so sure." in texts(app)
    app.selectbox(key="named-so").select("disgust").run()
    assert not app.exception


def test_the_models_stand_beside_one_annotator_and_beside_doubted_labels(voted):
    app = open_page(view="What people agree on", models=["cnn", "flagship"])
    assert set(charts(app)) == {"ceiling", "agreement"}
    assert "One annotator names what most of the others name on" in texts(app)
    (without,) = [frame.value for frame in app.dataframe if "images without them" in frame.value]
    assert without["model"].tolist() == ["flagship", "cnn"]
    assert (without["accuracy without them"] > without["accuracy"]).all()
    listed = app.dataframe[-1].value
    assert len(listed) == 3589 - without["images without them"].iloc[0]


def test_images_in_which_nobody_saw_one_of_the_seven_are_explained_where_there_are_any(models):
    view = {"view": "What people agree on", "models": ["cnn"]}
    assert "At 0 nobody named one of the seven" in texts(open_page(**view))
    assert "At 0" not in texts(open_page(**view, measure="FER+ votes"))


def test_which_model_to_take_where_images_are_disturbed(models):
    (nothing,) = open_page(view="When it breaks").info
    assert nothing.value == "None of the chosen models was measured on disturbed images."
    for name, dark in (("cnn", 60), ("flagship", 40)):
        counts = {name: [90, 80, 70, 60, 50] for name in CORRUPTIONS}
        counts["darkness"] = [dark] * 5
        found = Robustness("test", 0, Artifact(models / name).metrics["weights_sha256"],
                           {"label": 200}, {"label": 120}, {"label": counts})  # fmt: skip
        (models / name / "robustness.json").write_text(found.to_json())
    (others,) = open_page(view="When it breaks", models=["resnet50"]).info
    assert "of the others, flagship, cnn were" in others.value
    (models / "resnet50" / "robustness.json").write_text("{}")
    app = open_page(view="When it breaks", models=["cnn", "flagship", "resnet50"])
    assert "For darkness, take **cnn**: right on 30.0%" in texts(app)
    assert "it keeps 50%" in texts(app)
    assert "Not measured on disturbed images: resnet50." in texts(app)
    assert "resnet50/robustness.json cannot be read" in app.warning[0].value
    lines = {line["name"]: line["y"] for line in charts(app)["robustness-darkness"]["data"]}
    assert lines == {"cnn": [0.6] + [0.3] * 5, "flagship": [0.6] + [0.2] * 5}
    app.selectbox(key="corruption").select("a turned head").run()
    assert list(charts(app)) == ["robustness-rotation"]


def test_the_study_s_conclusions_are_tested_by_our_runs(models):
    app = open_page(view="The study")
    table = app.dataframe[0].value.set_index("experiment")
    assert table["model"].tolist() == ["cnn", "resnet50", *["no run"] * 3]
    assert table.loc["CNN", "validation"] == Artifact(models / "cnn").accuracy("validation")
    assert "2 have a run here; 2 of those" in texts(app)
    assert "**Deeper is better?** Our runs agree." in texts(app)
    assert "**Unfreezing more is better?** No run here answers it." in texts(app)
    assert "neither it nor another in its place: EfficientNetV2-L, frozen; " in texts(app)
    shown, here = charts(app)["study"]["data"][::-1]
    assert shown["x"] == table["study"].tolist()
    assert here["y"] == ["CNN", "ResNet-50"]
    for seed, part in ((4, "frozen"), (5, "unfreeze20")):
        make_model(models / f"efficientnet_lite2-{part}", seed, 0.2)
    app = open_page(view="The study")
    table = app.dataframe[0].value.set_index("experiment")
    assert table.loc["EfficientNetV2-L, frozen", "network"] == "another's"
    assert "**Unfreezing more is better?** Our runs do not show it." in texts(app)
    assert "efficientnet_lite2-unfreeze20 over efficientnet_lite2-frozen: could be" in texts(app)


def test_the_answer_to_unbalanced_classes_is_the_bench_s_table(models):
    app = open_page(view="The study")
    shown = app.dataframe[-1].value.set_index("balance")
    table = pd.read_csv(UNBALANCED, index_col="balance")
    assert shown.index.tolist() == table.index.tolist()
    assert shown.loc["none", "accuracy"].startswith(f"{table.loc['none', 'accuracy']:.1%} ± ")
    best = table["macro F1"].idxmax()
    assert f"**{best}** has the highest macro F1" in texts(app)


def test_a_visitor_of_the_photos_page_without_a_second_opinion_gets_two_models_head_to_head():
    app = open_page(view="Head to head")  # with the models that ship: there is one to choose
    assert "They name the same emotion in" in texts(app)


def test_an_address_opens_its_models_and_view(models):
    app = open_page(models=["resnet50", "cnn"], view="Calibration")
    assert list(charts(app)) == ["calibration-resnet50", "calibration-cnn"]
    app = open_page(models=["no such"], view="no such")
    assert "Best overall" in {metric.label for metric in app.metric}


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("Per emotion", {"training-share", "recall", "precision", "f1"}),
        ("Cost", {"cost-multiply-adds"}),
        ("Learning curves", {"learning-accuracy", "learning-loss"}),
        ("Head to head", {"duel"}),
    ],
)
def test_every_view_has_its_figures_and_their_numbers(view, shown, models):
    app = open_page(view=view)
    assert set(charts(app)) == shown
    keys = {button.key for button in app.get("download_button")}
    assert {f"csv-{name}" for name in shown} <= keys


def untrained(folder):
    """Make a model an ensemble by its figures: nothing was trained for it."""
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["training"], metrics["weights_bytes"]
    metrics["network"] = "ensemble"
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_an_ensemble_hides_no_figure_of_the_others(models):
    untrained(models / "flagship")
    app = open_page(view="Per emotion")
    assert set(charts(app)) == {"training-share", "recall", "precision", "f1"}


def test_models_of_which_little_was_measured_are_compared(models, monkeypatch):
    untrained(models / "flagship")
    monkeypatch.setenv("FER_MODELS", "flagship")
    assert "flagship: " in texts(open_page())


def test_only_who_sits_at_the_server_names_a_folder_of_it(models):
    app = open_page(models=["cnn"], true="fear", named="sad", by="cnn", view="Confusion")
    assert len(app.dataframe[-1].value)
    assert not app.text_input  # the request of this test says of no host that it is this machine


def test_a_cell_lists_its_images_the_surest_first(models):
    app = open_page(models=["cnn", "flagship"], view="Confusion")
    app.selectbox(key="true").select("fear")
    app.selectbox(key="named").select("sad")
    app.selectbox(key="by").select("cnn").run()
    assert not app.exception
    table = app.dataframe[-1].value
    predictions = Artifact(models / "cnn").predictions.set_index("row")
    guesses = predictions[PROBABILITIES].to_numpy().argmax(axis=1)
    inside = (predictions["label"] == EMOTIONS.index("fear")) & (guesses == EMOTIONS.index("sad"))
    assert set(table["row"]) == set(predictions.index[inside])
    assert table["cnn: confidence"].is_monotonic_decreasing
    assert set(table["cnn: named"]) == {"sad"}
    assert "flagship: named" in table
    assert f"{inside.sum()} images of **fear** that cnn names **sad** (wrong)" in texts(app)


def test_the_images_themselves_are_shown_where_the_data_is(models, data, monkeypatch):
    monkeypatch.setenv("FER_DATA", str(data))
    app = open_page(models=["cnn"], view="Confusion")
    app.selectbox(key="true").select("disgust")
    app.selectbox(key="named").select("angry").run()
    (gallery,) = app.get("image")
    rows = app.dataframe[-1].value
    assert len(gallery.proto.imgs) == len(rows) > 0
    assert gallery.proto.imgs[0].caption.startswith("disgust / angry")


def test_a_folder_without_the_data_is_a_sentence(models, monkeypatch):
    monkeypatch.setenv("FER_BATCH_ROOT", str(models))
    app = open_page(models=["cnn"], view="Confusion")
    app.selectbox(key="true").select("disgust")
    app.selectbox(key="named").select("angry").run()
    app.text_input(key="data_folder").set_value(str(models)).run()
    assert not app.exception
    assert "There is no test.parquet" in app.warning[0].value
    for elsewhere in (str(models.parent), "~nobody-here/x"):
        app.text_input(key="data_folder").set_value(elsewhere).run()
        assert not app.exception
        assert "There is no folder" in app.warning[0].value


def test_who_is_elsewhere_cannot_name_a_folder(monkeypatch):
    monkeypatch.setattr("streamlit.get_option", lambda name: "0.0.0.0")
    monkeypatch.setenv("FER_DATA", "/data")
    assert str(data_folder()) == "/data"
    monkeypatch.delenv("FER_DATA")
    assert data_folder() is None


def test_two_models_against_each_other(models):
    app = open_page(models=["flagship", "cnn"], view="Head to head")
    assert "flagship is right on" in texts(app)
    assert "is unlikely to be chance, p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}0.001" in texts(app)
    app.selectbox(key="among").select("disgust").run()
    assert "of 55 images than cnn" in texts(app)


def test_damaged_and_incomplete_models_are_listed_with_the_reason(models):
    (models / "cnn" / "predictions.parquet").write_bytes(b"PAR1")
    (models / "resnet50" / "history.csv").unlink()
    (models / "half").mkdir()
    app = open_page()
    warnings = [warning.value for warning in app.warning]
    assert "**cnn** is left out. cnn/predictions.parquet cannot be read" in warnings[0]
    assert warnings[1] == "**half** is left out. half has no config.json."
    assert "**resnet50** is shown in part" in warnings[2]
    assert "history.csv cannot be read" in warnings[2]
    assert app.dataframe[0].value["model"].tolist() == ["flagship", "resnet50"]
    curves = charts(open_page(view="Learning curves"))
    assert set(curves) == {"learning-accuracy", "learning-loss"}
    assert str(models) not in "\n".join(warnings)


def test_a_model_whose_time_is_none_is_left_out_with_the_reason(models):
    path = models / "flagship" / "metrics.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"timing": {"milliseconds": "quick"}})
    )
    (warning,) = open_page().warning
    assert "**flagship** is left out. flagship/metrics.json states no time" in warning.value


def test_a_model_without_learning_curves_is_named(models):
    (models / "resnet50" / "history.csv").unlink()
    app = open_page(view="Learning curves", models=["cnn", "resnet50"])
    assert "No epochs are kept of resnet50." in texts(app)
    assert charts(app)
    app = open_page(view="Learning curves", models=["resnet50"])
    assert "None of the chosen models has learning curves." in app.info[0].value


def test_one_model_has_nothing_to_be_compared_with(models):
    for name in ("flagship", "resnet50"):
        shutil.rmtree(models / name)
    assert "nothing to compare it with" in texts(open_page())
    assert "It takes two models" in open_page(view="Head to head").info[0].value


def test_no_model_at_all(models):
    for folder in models.iterdir():
        shutil.rmtree(folder)
    app = open_page()
    assert "There is no model to compare yet" in app.info[0].value


def test_a_figure_that_was_not_measured_is_left_empty(models):
    path = models / "flagship" / "metrics.json"
    metrics = json.loads(path.read_text())
    for key in ("parameters", "multiply_adds", "weights_bytes", "training", "init"):
        del metrics[key]
    del metrics["splits"]["test"]["not_in_train"]
    path.write_text(json.dumps(metrics))
    app = open_page()
    line = app.dataframe[0].value.set_index("model").loc["flagship"]
    assert pd.isna(line["parameters"])
    assert pd.isna(line["not in train"])
    assert "flagship: not measured" in texts(app)
    app = open_page(models=["flagship", "cnn"], view="Per emotion")
    assert "training-share" not in charts(app)  # what it was trained on is not known


def publish_time(folder, milliseconds):
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["timing"] = Timing(milliseconds, 2 * milliseconds, "a Xeon, 2 cores", 0.0).to_dict()
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_published_times_are_shown_with_their_machine_and_load_no_weights(models, monkeypatch):
    monkeypatch.setattr(Artifact, "load_network", lambda artifact: pytest.fail("loaded"))
    publish_time(models / "cnn", 0.5)
    publish_time(models / "flagship", 6.0)
    board = open_page().dataframe[0].value.set_index("model")
    assert board["ms a face"].to_dict() == {
        "cnn": 0.5, "flagship": 6.0, "resnet50": pytest.approx(float("nan"), nan_ok=True),
    }  # fmt: skip
    app = open_page(view="Cost", cost="ms a face")
    assert list(charts(app)) == ["cost-ms-a-face"]
    assert "Published for cnn, flagship: on a Xeon, 2 cores." in texts(app)


def test_models_are_timed_in_turn_as_often_as_one_wants(models, monkeypatch):
    asked, loads = [], [0.0, 0.0, 0.9, 0.0, 0.0, 0.0]

    def take(artifact):
        asked.append(artifact.name)
        return 5.0 if len(asked) % 2 else 4.0

    monkeypatch.setattr("fer.artifacts.timing.milliseconds_a_face", take)
    monkeypatch.setattr("fer.artifacts.timing.load_of_others", lambda: loads.pop(0))
    shutil.copy(models / "cnn" / "model.safetensors", models / "flagship")
    app = open_page(view="Cost")
    app.button(key="time").click().run()
    assert not app.exception
    assert asked == ["cnn", "flagship"] * 3  # of resnet50 there are no weights
    times = app.dataframe[0].value.set_index("model")
    assert times.loc["cnn", ["here", "here, slowest turn"]].tolist() == [5.0, 5.0]
    assert times.loc["flagship", "here"] == 4.0
    assert "90% of this machine's processors busy" in app.warning[0].value
    app.get_by_key("cost").set_value("ms a face here").run()
    assert list(charts(app)) == ["cost-ms-a-face-here"]
    app.button(key="time").click().run()
    assert asked == ["cnn", "flagship"] * 6
    assert not app.warning
    others = open_page(view="Cost").dataframe  # another visitor sees none of it
    assert all(table.value["here"].isna().all() for table in others if "here" in table.value)


def test_what_cannot_be_timed_is_a_sentence(models):
    (models / "flagship" / "model.safetensors").write_bytes(b"no weights")
    app = open_page(view="Cost")
    app.button(key="time").click().run()
    assert not app.exception
    assert "flagship cannot be loaded" in app.error[0].value


def own_files(labels):
    rows = [("a.jpg", "happy", 0), ("b.jpg", "sad", 0), ("c.jpg", "fear", 0), ("d.jpg", "sad", 0)]
    lines = []
    for model, shift in (("cnn", 0.0), ("flagship", 0.2)):
        for path, emotion, face in rows:
            line = {"path": path, "status": "ok", "face": face, "model": model}
            line |= dict.fromkeys(PROBABILITIES, 0.05 - shift / 6)
            lines.append(line | {f"p_{emotion}": 0.7 + shift})
    scores = io.BytesIO()
    pd.DataFrame(lines).to_csv(scores, index=False)
    return scores.getvalue(), labels.encode()


def test_your_own_data_gets_the_same_figures(models):
    app = open_page(view="Your own data")
    assert "fer score" in app.info[0].value
    scores, labels = own_files("path,label\na.jpg,happy\nb.jpg,happy\nc.jpg,fear\ngone.jpg,sad\n")
    app.file_uploader(key="own_scores").upload("scores.csv", scores)
    app.file_uploader(key="own_labels").upload("labels.csv", labels).run()
    assert not app.exception
    assert "2 photos are left out" in app.warning[0].value
    assert "1 × has a score but no label: d.jpg" in texts(app)
    assert "1 × has a label but no row of cnn: gone.jpg" in texts(app)
    own = charts(app)
    assert list(own) == ["own-confusion-cnn", "own-confusion-flagship"]
    assert own["own-confusion-cnn"]["data"][0]["z"][3] == [0, 0, 0, 0.5, 0.5, 0, 0]
    app.selectbox(key="own-true").select("happy")
    app.selectbox(key="own-named").select("sad").run()
    assert app.dataframe[-1].value["row"].tolist() == ["b.jpg"]
    for view, shown in (
        ("Per emotion", {"own-recall", "own-precision", "own-f1"}),
        ("Calibration", {"own-calibration-cnn", "own-calibration-flagship"}),
        ("Head to head", {"own-duel"}),
    ):
        app.get_by_key("own_view").set_value(view).run()
        assert not app.exception
        assert set(charts(app)) == shown


@pytest.mark.parametrize(
    "view", ["Confusion", "Per emotion", "By group", "When to trust it", "Calibration"]
)
def test_one_labelled_face_has_figures_too(models, view):
    app = open_page(view="Your own data", own_view=view)
    scores, labels = own_files("path,label\na.jpg,happy\n")
    app.file_uploader(key="own_scores").upload("scores.csv", scores)
    app.file_uploader(key="own_labels").upload("labels.csv", labels).run()
    assert not app.exception


def test_a_wrong_upload_is_a_sentence(models):
    app = open_page(view="Your own data")
    scores, _ = own_files("")
    app.file_uploader(key="own_scores").upload("scores.csv", scores)
    app.file_uploader(key="own_labels").upload("labels.csv", b"photo,mood\n1,2\n").run()
    assert not app.exception
    assert "labels.csv has no column path, label" in app.error[0].value


def test_your_own_groups_are_compared(models):
    app = open_page(view="Your own data", own_view="By group")
    scores, labels = own_files(
        "path,label,light,id\na.jpg,happy,dim,1\nb.jpg,happy,dim,2\nc.jpg,fear,bright,3\n"
        "d.jpg,sad,,4\n"
    )
    app.file_uploader(key="own_scores").upload("scores.csv", scores)
    app.file_uploader(key="own_labels").upload("labels.csv", labels).run()
    assert not app.exception
    (table,) = [frame.value for frame in app.dataframe if "p_corrected" in frame.value]
    cnn = table[table["model"] == "cnn"].set_index("group")
    assert cnn["faces"].to_dict() == {"dim": 2, "bright": 1, "not given": 1}
    assert cnn.loc["dim", "accuracy"] == 0.5
    assert "**cnn** is right least often on **dim**: 50% of 2 faces, 100% elsewhere" in texts(app)
    assert "could be chance" in texts(app)
    app.selectbox(key="own-group").select("bright").run()
    matrix = charts(app)["own-group-confusion-cnn"]["data"][0]["z"]
    assert sum(map(sum, matrix)) == 1


def test_labels_without_groups_say_how_to_name_them(models):
    app = open_page(view="Your own data", own_view="By group")
    scores, labels = own_files("path,label\na.jpg,happy\nb.jpg,happy\n")
    app.file_uploader(key="own_scores").upload("scores.csv", scores)
    app.file_uploader(key="own_labels").upload("labels.csv", labels).run()
    assert not app.exception
    assert "names no groups" in app.info[0].value
