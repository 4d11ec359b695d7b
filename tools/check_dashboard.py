"""Check what the comparison page shows against figures recomputed from `predictions.parquet`.

    python -m tools.check_dashboard

Opens the page without a browser, on all models there are, reads the numbers out of its tables
and drawn figures, and computes them again another way: torchmetrics, pandas and plain loops on the
bare predictions, where the page uses scipy and numpy; by each measure there is. Prints what was
compared and the page's short answer; ends with status 1 at the first difference.
"""

import json
import math
import sys
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest, hypergeom
from streamlit.testing.v1 import AppTest
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from app.compare.measure import NAMES
from fer.artifacts import MODELS, Artifact, list_models
from fer.artifacts.robustness import CORRUPTIONS
from fer.compare.fer2013 import IN_TRAIN
from fer.emotions import EMOTIONS
from fer.ferplus import ANSWERS, Measure

APP = MODELS.parent / "streamlit_app.py"
BINS = 15
TIMEOUT = 180  # seconds; the first run imports torch


def open_page(models: list[str], view: str, **choices: str) -> AppTest:
    """Open the comparison page at an address, as a browser would."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT)
    app.query_params.update({"models": models, "view": view, **choices})
    app.switch_page("pages/compare.py").run()
    assert not app.exception, app.exception
    return app


def drawn(app: AppTest, name: str) -> list[dict[str, Any]]:
    """Return the traces of one of the page's figures."""
    (chart,) = [chart for chart in app.get("plotly_chart") if chart.key == name]
    return json.loads(chart.proto.spec)["data"]


def same(what: str, shown: Any, computed: Any, tolerance: float = 1e-6) -> None:
    """Compare; say so, or stop."""
    shown, computed = np.asarray(shown, dtype=float), np.asarray(computed, dtype=float)
    if shown.shape != computed.shape or not np.allclose(
        shown, computed, atol=tolerance, rtol=0, equal_nan=True
    ):
        sys.exit(f"{what}: the page shows {shown}, recomputed is {computed}")
    print(f"  {what}: {shown.size} numbers agree")


class Recomputed:
    """One model's figures, from its predictions alone."""

    def __init__(self, name: str, measure: Measure = "label") -> None:
        artifact = Artifact.find(name)
        table = pd.read_parquet(artifact.path / "predictions.parquet")
        self.votes = None
        if "ferplus_votes" in table:
            self.votes = np.array(table["ferplus_votes"].tolist())
        if measure == "votes":
            assert self.votes is not None
            truth = np.array([most_voted(votes) for votes in self.votes])
            table = table.assign(label=truth)[truth >= 0].reset_index(drop=True)
            self.votes = self.votes[truth >= 0]
        self.temperature = artifact.config.temperature
        self.row = table["row"].to_numpy()
        self.labels = torch.tensor(table["label"].to_numpy())
        columns = [f"p_{emotion}" for emotion in EMOTIONS]
        self.probabilities = torch.tensor(table[columns].to_numpy(), dtype=torch.float64)
        self.right = (self.probabilities.argmax(1) == self.labels).numpy()

    def each(self, metric: Any) -> np.ndarray:
        """Return a torchmetrics function's value for each emotion."""
        return metric(self.probabilities, self.labels, num_classes=7, average="none").numpy()

    def calibration_error(self, probabilities: torch.Tensor) -> float:
        """Return torchmetrics' expected calibration error over fifteen bins."""
        return multiclass_calibration_error(
            probabilities, self.labels, num_classes=7, n_bins=BINS
        ).item()

    def on_edges(self, probabilities: torch.Tensor) -> float:
        """Return the share of images between two bins, of which rounding decides the bin."""
        place = probabilities.max(1).values.double() * BINS
        edge = place.round()
        return ((edge < BINS) & ((place - edge).abs() < 1e-5)).double().mean().item()

    def before(self) -> torch.Tensor:
        """Return the probabilities at temperature 1, by way of the logits."""
        return (self.probabilities.clamp(min=1e-38).log() * self.temperature).softmax(1)


def most_voted(votes: np.ndarray) -> int:
    """Return the emotion that more annotators gave than anything else; -1 where there is none."""
    ranked = sorted(zip(votes.tolist(), ANSWERS, strict=True), reverse=True)
    (most, answer), (second, _) = ranked[:2]
    return EMOTIONS.index(answer) if most > second and answer in EMOTIONS else -1


def check_leaderboard(app: AppTest, models: dict[str, Recomputed]) -> None:
    """Check accuracy, interval, macro F1, worst class and calibration error of each model."""
    board = app.dataframe[0].value.set_index("model")
    for name, model in models.items():
        low, high = binomtest(int(model.right.sum()), len(model.right)).proportion_ci(
            method="wilson"
        )
        f1, recall = model.each(multiclass_f1_score), model.each(multiclass_recall)
        shown = board.loc[name]
        numbers = ["accuracy", "low", "high", "macro F1", "worst recall", "calibration error"]
        computed = [model.right.mean(), low, high, f1.mean(), recall.min()]
        computed.append(model.calibration_error(model.probabilities))
        same(f"leaderboard of {name}", shown[numbers], computed, 1e-5)
        assert shown["worst class"] == EMOTIONS[int(np.argmin(recall))]


def check_views(models: dict[str, Recomputed], name_of_measure: str) -> None:
    """Check the figures of each view."""
    names = list(models)
    counts, shares, bars, reliability = (
        open_page(names, view, measure=name_of_measure, **choices)
        for view, choices in (
            ("Confusion", {"cells": "Counts"}),
            ("Confusion", {"cells": "Percent"}),
            ("Per emotion", {}),
            ("Calibration", {}),
        )
    )
    measures = {
        "recall": multiclass_recall,
        # Of an emotion that was never named there is no share that was named rightly.
        "precision": partial(multiclass_precision, zero_division=math.nan),
        "f1": multiclass_f1_score,
    }
    for name, model in models.items():
        seen = pd.crosstab(model.labels.numpy(), model.probabilities.argmax(1).numpy())
        # A model may never name an emotion; it has its column all the same.
        matrix = seen.reindex(columns=range(len(EMOTIONS)), fill_value=0).to_numpy()
        same(f"confusion of {name}", drawn(counts, f"confusion-{name}")[0]["z"], matrix)
        normalised = matrix / matrix.sum(axis=1, keepdims=True)
        same(f"its shares of {name}", drawn(shares, f"confusion-{name}")[0]["z"], normalised)
        for measure, metric in measures.items():
            (trace,) = [t for t in drawn(bars, measure) if t["name"] == name]
            same(f"{measure} of {name}", trace["y"], model.each(metric), 1e-5)
        traces = drawn(reliability, f"calibration-{name}")
        for when, probabilities in (("after", model.probabilities), ("before", model.before())):
            line, counted = [t for t in traces if t["name"] == f"{when} temperature"]
            # The bins carry all that is needed for the error; the axis says where they lie.
            gaps = np.abs(np.array(line["x"]) - np.array(line["y"]))
            error = np.average(gaps, weights=counted["y"])
            # One image in the next bin moves the error by two shares of it at most.
            same(f"calibration error of {name} {when} temperature",
                 error, model.calibration_error(probabilities),
                 1e-5 + 2 * model.on_edges(probabilities))  # fmt: skip
            assert sum(counted["y"]) == len(model.labels)


def check_trust(models: dict[str, Recomputed], name_of_measure: str) -> None:
    """Check risk against coverage by counting, and its area's interval by samples of its own."""
    app = open_page(list(models), "When to trust it", measure=name_of_measure, threshold="0.6")
    table = app.dataframe[0].value.set_index("model")
    by_emotion = app.dataframe[1].value.set_index(["model", "named"])
    traces = {trace["name"]: trace for trace in drawn(app, "risk-coverage")}
    for name, model in models.items():
        confidence, wrong = model.probabilities.max(1).values.numpy(), ~model.right
        given = confidence >= 0.6
        shown = table.loc[name, ["answered", "right", "AURC"]]
        computed = [given.sum(), (given & ~wrong).sum(), mean_risk(confidence, wrong)]
        same(f"answers of {name} from 60% on, and AURC", shown, computed)
        curve = traces[name]
        risks = [wrong[confidence >= least].mean() for least in curve["customdata"]]
        same(f"risk of {name}", curve["y"], risks)
        generator = np.random.default_rng(1)
        draws = generator.integers(len(wrong), size=(300, len(wrong)))
        areas = [mean_risk(confidence[draw], wrong[draw]) for draw in draws]
        for emotion, line in by_emotion.loc[name].iterrows():
            so = (model.probabilities.argmax(1) == EMOTIONS.index(str(emotion))).numpy()
            computed = [so.sum(), (so & given).sum(), mean_risk(confidence[so], wrong[so])]
            same(f"{emotion} named by {name} from 60% on", line[["faces", "answered", "AURC"]],
                 computed)  # fmt: skip
        same(f"interval of the AURC of {name}", table.loc[name, ["AURC low", "AURC high"]],
             np.quantile(areas, [0.025, 0.975]), 0.006)  # fmt: skip


def mean_risk(confidence: np.ndarray, wrong: np.ndarray) -> float:
    """Return the mean, over the images, of the risk where all surer ones are answered, too."""
    if not len(wrong):  # an emotion that the model never names
        return math.nan
    order = np.argsort(-confidence)
    falling, missed = -confidence[order], wrong[order].cumsum()
    answered = np.searchsorted(falling, falling, side="right")  # equal ones are answered together
    return float((missed[answered - 1] / answered).mean())


def check_people(models: dict[str, Recomputed], name_of_measure: str) -> None:
    """Check the ceiling annotator by annotator, accuracy by agreement, and the doubted labels."""
    by_label = {name: Recomputed(name) for name in models}
    app = open_page(list(models), "What people agree on", measure=name_of_measure)
    (bars,) = drawn(app, "ceiling")
    agreement = {trace["name"]: trace for trace in drawn(app, "agreement")}
    bar_of = {label.rsplit(",", 1)[0]: x for label, x in zip(bars["y"], bars["x"], strict=True)}
    for name, model in models.items():
        whole = by_label[name]
        assert whole.votes is not None
        assert model.votes is not None
        predicted = whole.probabilities.argmax(1).tolist()
        people, agrees = one_against_the_others(whole.votes, predicted)
        same(f"{name} against the other annotators", bar_of[name], agrees)
        said = [text.value for text in app.markdown if "One annotator names" in text.value]
        assert f"**{people:.1%}**" in said[0], (said, people)
        emotions = model.votes[:, [ANSWERS.index(emotion) for emotion in EMOTIONS]]
        means = pd.Series(model.right).groupby(emotions.max(axis=1)).mean()
        same(f"{name} by agreement", agreement[name]["y"], means)
    check_suspects(app, by_label)


def one_against_the_others(votes: np.ndarray, predicted: list[int]) -> tuple[float, float]:
    """Return how often an annotator, and a model, say what most of the other annotators say."""
    people = model = images = 0.0
    for counts, named in zip(votes, predicted, strict=True):
        for answer, count in zip(ANSWERS, counts, strict=True):
            if not count:
                continue
            others = most_voted(counts - (np.array(ANSWERS) == answer))
            if others >= 0:
                share = count / counts.sum()
                images += share
                people += share * (EMOTIONS[others] == answer)
                model += share * (others == named)
    return people / images, model / images


def check_suspects(app: AppTest, models: dict[str, Recomputed]) -> None:
    """Check how many labels are doubted and what accuracy is without them, image by image."""
    (first, *_) = models.values()
    probabilities = torch.stack([model.probabilities for model in models.values()]).mean(0).numpy()
    labels = first.labels.numpy()
    usual = [probabilities[labels == number, number].mean() for number in range(len(EMOTIONS))]
    kept = []
    assert first.votes is not None
    for label, shares, votes in zip(labels, probabilities, first.votes, strict=True):
        sure = {number: share for number, share in enumerate(shares) if share >= usual[number]}
        other = max(sure, key=sure.__getitem__, default=label)
        kept.append(other == label or other != most_voted(votes))
    (table,) = [frame.value for frame in app.dataframe if "accuracy without them" in frame.value]
    for name, model in models.items():
        line = table.set_index("model").loc[name]
        same(f"{name} without doubted labels",
             line[["images without them", "accuracy without them"]],
             [sum(kept), model.right[kept].mean()])  # fmt: skip


def check_breaks(names: list[str], measure: Measure, name_of_measure: str) -> None:
    """Check accuracy on disturbed images against the counts in robustness.json."""
    app = open_page(names, "When it breaks", measure=name_of_measure)
    for name in names:
        path = Artifact.find(name).path / "robustness.json"
        if not path.is_file():
            print(f"  {name} was not measured on disturbed images")
            continue
        found = json.loads(path.read_text())
        if measure not in found["images"]:
            continue
        counts = pd.DataFrame(found["corrupted"][measure]) / found["images"][measure]
        (line,) = [t for t in drawn(app, "robustness-darkness") if t["name"] == name]
        clean = found["clean"][measure] / found["images"][measure]
        same(f"{name} in the dark", line["y"], [clean, *counts["darkness"]])
        (table,) = [f.value for f in app.dataframe if f"{name}: kept" in f.value]
        wanted = counts.mean().rename(index=CORRUPTIONS).loc[table["corruption"]]
        same(f"{name} under everything", table[f"{name}: right"], wanted)
        same(f"what {name} keeps", table[f"{name}: kept"], wanted / clean)


def check_references(app: AppTest, names: list[str]) -> None:
    """Check that our models stand among what others report with their accuracy by the label."""
    table = app.dataframe[1].value
    assert table["accuracy"].is_monotonic_decreasing
    for name in names:
        if Artifact.find(name).source:
            assert name not in set(table["name"]), name
            continue
        (shown,) = table[(table["ours"] != "") & (table["name"] == name)]["accuracy"]
        same(f"{name} beside what others report", shown, Recomputed(name).right.mean())


def check_unseen(models: dict[str, Recomputed], measure: Measure, name_of_measure: str) -> None:
    """Check accuracy without the images that stand in train against what the pixels said."""
    app = open_page([], "Overview", measure=name_of_measure, unseen="true")
    board = app.dataframe[0].value.set_index("model")
    votes = ("votes",) if measure == "votes" else ()
    for name in models:
        stated = Artifact.find(name).get("splits", "test", *votes, "not_in_train", "accuracy")
        same(f"{name} on unseen images", board.loc[name, "accuracy"], stated)


def check_paired(
    first: str,
    second: str,
    models: dict[str, Recomputed],
    name_of_measure: str,
    unseen: bool = False,
) -> None:
    """Check McNemar's test and the counts behind it, over all images or the unseen alone."""
    app = open_page([first, second], "Head to head", measure=name_of_measure,
                    first=first, second=second, unseen=str(unseen).lower())  # fmt: skip
    a, b = models[first], models[second]
    assert (a.row == b.row).all()
    parts = [a.right & b.right, a.right & ~b.right, ~a.right & b.right, ~a.right & ~b.right]
    if unseen:
        kept = np.array([row not in IN_TRAIN for row in a.row])
        parts = [part & kept for part in parts]
    shown = [trace["x"][0] for trace in drawn(app, "duel")]
    same(f"{first} against {second}", shown, [part.sum() for part in parts])
    p_value = binomtest(int(parts[1].sum()), int((parts[1] | parts[2]).sum())).pvalue
    (sentence,) = [text.value for text in app.markdown if "They name the same" in text.value]
    verdict = "could be chance" if p_value >= 0.05 else "is unlikely to be chance"
    if parts[1].sum() != parts[2].sum():
        assert verdict in sentence, (sentence, p_value)
    print(f"  {sentence}")
    check_paired_emotions(app, a, b, parts[1] | parts[2])
    (listed,) = [frame.value for frame in app.dataframe if "row" in frame.value]
    assert set(listed["row"]) == set(a.row[parts[1]]), f"images that only {first} gets right"


def check_paired_emotions(app: AppTest, a: Recomputed, b: Recomputed, decided: np.ndarray) -> None:
    """Check what only one of two models gets right of each emotion, and its test.

    Args:
        decided: the images that exactly one of them gets right, of those that count.
    """
    (table,) = [f.value for f in app.dataframe if "verdict" in f.value]
    for line in table.to_dict("records"):
        inside = decided & (a.labels == EMOTIONS.index(line["emotion"])).numpy()
        alone = [int((inside & model.right).sum()) for model in (a, b)]
        shown = [line[column] for column in table.columns if column.startswith("only ")]
        same(f"{line['emotion']} that one of them gets right", shown, alone)
        chance = binomtest(alone[0], sum(alone)).pvalue >= 0.05 if sum(alone) else True
        said = "could be chance" if chance else "unlikely to be chance"
        assert line["verdict"].startswith(said), (line, alone)


def check_study(models: dict[str, Recomputed], name_of_measure: str) -> None:
    """Check the study's experiments against metrics.json, and the tests of its conclusions."""
    app = open_page([], "The study", measure=name_of_measure)
    table = app.dataframe[0].value
    for line in table[table["model"] != "no run"].to_dict("records"):
        figures = Artifact.find(line["model"]).figures("validation")
        right, images = figures["correct"], figures["images"]
        interval = binomtest(right, images).proportion_ci(method="wilson")
        same(f"{line['model']} on validation", [line["validation"], line["low"], line["high"]],
             [right / images, *interval], 1e-5)  # fmt: skip
    said = "\n".join(text.value for text in app.markdown)
    for worse, better in (
        ("cnn", "resnet50"),
        ("efficientnet_lite2-frozen", "efficientnet_lite2-unfreeze20"),
    ):
        if worse in models and better in models:
            a, b = models[worse].right, models[better].right
            counts = f"right on {(b & ~a).sum():,} of {len(a):,} test images, {worse} alone on "
            assert f"{counts}{(a & ~b).sum():,};" in said, (said, counts)
            print(f"  {better} over {worse}: the counts agree")


def check_cost(app: AppTest, models: dict[str, Recomputed]) -> None:
    """Check that each point of the cost figure lies where metrics.json and the answers put it."""
    for name, model in models.items():
        metrics = Artifact.find(name).metrics
        (point,) = [t for t in drawn(app, "cost-multiply-adds") if t.get("meta") == name]
        same(f"cost of {name}", [point["x"][0], point["y"][0]],
             [metrics["multiply_adds"], model.right.mean()])  # fmt: skip


def check_curves(app: AppTest, names: list[str]) -> None:
    """Check that the learning curves are those of history.csv."""
    for name in names:
        history = pd.read_csv(Artifact.find(name).path / "history.csv")
        curves = [
            t["y"] for t in drawn(app, "learning-accuracy") if t["name"] == f"{name}, validation"
        ]
        # An ensemble learnt nothing itself.
        assert len(curves) == (1 if len(history) else 0), name
        for curve in curves:
            same(f"learning curve of {name}", curve, history["validation_accuracy"])


def check_groups(name: str) -> None:
    """Check the view of a visitor's own data by group: a model's test images in three groups.

    Fisher's test is summed over the hypergeometric distribution; Holm's correction is its
    definition, the largest of the smaller p-values, each times how many are not smaller.
    """
    predictions = Artifact.find(name).predictions
    labels = predictions["label"].to_numpy()
    photos = [f"{row}.jpg" for row in predictions["row"]]
    groups = np.where(labels == 3, "c", np.where(np.arange(len(labels)) % 3, "a", "b"))
    scores = predictions.filter(like="p_").assign(path=photos, status="ok", face=1, model=name)
    truth = pd.DataFrame({"path": photos, "label": [EMOTIONS[label] for label in labels],
                          "light": groups})  # fmt: skip
    app = open_page([], "Your own data", own_view="By group")
    for key, handed_in in (("own_scores", scores), ("own_labels", truth)):
        app.file_uploader(key=key).upload(f"{key}.csv", handed_in.to_csv(index=False).encode())
    app.run()
    assert not app.exception, app.exception
    right = predictions.filter(like="p_").to_numpy().argmax(1) == labels
    computed = []
    for group in "abc":
        inside = right[groups == group]
        chances = hypergeom(len(right), right.sum(), len(inside))
        each = chances.pmf(np.arange(len(inside) + 1))
        p = each[each <= each[inside.sum()] * (1 + 1e-7)].sum()
        interval = binomtest(inside.sum(), len(inside)).proportion_ci(method="wilson")
        computed.append([len(inside), inside.sum(), inside.mean(), *interval, p])
    ps = np.array(computed)[:, -1]
    holm = [min(1, max((ps >= other).sum() * other for other in ps[ps <= p])) for p in ps]
    (table,) = [frame.value for frame in app.dataframe if "p_corrected" in frame.value]
    shown = table.set_index("group").loc[["a", "b", "c"]]
    columns = ["faces", "right", "accuracy", "low", "high", "p", "p_corrected"]
    same(f"groups of {name}", shown[columns], np.column_stack([computed, holm]))


def check_measure(name_of_measure: str, measure: Measure) -> None:
    """Check all views on all models that the page lists by a measure."""
    app = open_page([], "Overview", measure=name_of_measure)
    names = app.dataframe[0].value["model"].tolist()
    models = {name: Recomputed(name, measure) for name in names}
    print(f"By {name_of_measure}, {len(names)} models: {', '.join(names)}")
    check_leaderboard(app, models)
    check_references(app, names)
    check_views(models, name_of_measure)
    check_trust(models, name_of_measure)
    check_breaks(names, measure, name_of_measure)
    voted = {name: model for name, model in models.items() if model.votes is not None}
    if voted:
        check_people(voted, name_of_measure)
    check_study(models, name_of_measure)
    check_cost(open_page(names, "Cost", measure=name_of_measure, cost="multiply-adds"), models)
    check_curves(open_page(names, "Learning curves", measure=name_of_measure), names)
    if len(names) > 1:
        check_paired(names[0], names[1], models, name_of_measure)
    check_unseen(models, measure, name_of_measure)
    for rival in (name for name in names if Artifact.find(name).source):
        for unseen in (False, True):
            check_paired(names[0], rival, models, name_of_measure, unseen)
    print("The page's short answer:")
    print(f"  {app.markdown[0].value}")
    for metric in app.metric:
        print(f"  {metric.label}: {metric.value}")


def main() -> None:
    """Check the page by each measure that any of its models was measured by."""
    known = {measure for name in list_models() for measure in Artifact.find(name).measures}
    for name, measure in NAMES.items():
        if measure in known:
            check_measure(name, measure)
    check_groups(list_models()[0])


if __name__ == "__main__":
    main()
