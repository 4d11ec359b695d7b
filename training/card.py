"""A model's card: its README.md, written from what was measured, and the confusion matrix.

python -m training card cnn          # rewrites both in models/cnn/
"""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from PIL import Image, ImageDraw, ImageFont

from fer.artifacts import Artifact
from fer.artifacts.export import FLOAT, INT8, TRANSFORMERS, Export
from fer.artifacts.store import RECIPE
from fer.columns import PROBABILITIES
from fer.compare.metrics import reliability
from fer.emotions import EMOTIONS
from training import export_transformers
from training.first_weights import FIRST_WEIGHTS

TEMPLATE = Path(__file__).with_name("card.md")
CARD = "README.md"
BINS = 5
"""Of confidences from 0 to 1, in which the card compares how sure a model is with how right."""
PICTURE = "confusion.png"

METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "macro_f1": ("f1", "Macro F1"),
    "balanced_accuracy": ("balanced_accuracy", "Balanced accuracy"),
    "log_loss": ("log_loss", "Log loss"),
    "log_loss_before_temperature": ("log_loss", "Log loss before temperature"),
    "cross_entropy": ("cross_entropy", "Cross-entropy against the votes"),
    "calibration_error": ("expected_calibration_error", "Calibration error"),
    "calibration_error_before_temperature": (
        "expected_calibration_error",
        "Calibration error before temperature",
    ),
    "precision": ("precision", "Precision"),
    "recall": ("recall", "Recall"),
    "f1": ("f1", "F1"),
}
"""Our name of a figure -> the Hub's type of metric and what the card calls it."""

VIEWS = {
    "plain": "one view an image",
    "flip": "mirrored views averaged",
    "cross": "mirrored views averaged, one of the two enlarged",
    "zoom": "mirrored views and their enlarged middles averaged",
    "ten_crop": "ten crops averaged",
    "not_in_train": "images that do not stand in train too",
    "eight_classes": "as papers count eight emotions: wrong on each contempt",
}
"""How each group of test figures was measured."""

MEAN_OF = {
    "flip": "a face and its mirror image",
    "cross": "a face and the enlarged middle of its mirror image",
    "zoom": "a face, its mirror image and the enlarged middle of both",
}
"""What a model's answer is the mean of, where it asks several views."""

MEASURES = {"label": "FER-2013's label", "votes": "majority of the FER+ votes"}
"""What an answer was held against."""


def write_card(folder: Path, repo_id: str | None = None) -> None:
    """Write a model's README.md and confusion matrix from the other files of its folder.

    Args:
        folder: the model's folder.
        repo_id: where its reader gets the model; the name in `models/` when left out.
    """
    confusion_picture(folder).quantize(64).save(folder / PICTURE, optimize=True)
    (folder / CARD).write_text(f"{model_card(folder, repo_id)}\n")


def model_card(folder: Path, repo_id: str | None = None) -> ModelCard:
    """Fill the card's template with what was measured.

    Args:
        folder: the model's folder; its metrics, config, recipe and predictions are read.
        repo_id: how its reader gets the model; the name in `models/` when left out.

    Raises:
        UnknownModel: if a file is missing or damaged.
    """
    artifact = Artifact(folder)
    metrics, export = artifact.metrics, Export.read(artifact)
    for_transformers = export_transformers.has_export(artifact)
    recipe = (folder / RECIPE).read_text().strip()
    data = ModelCardData(
        license="mit",
        library_name="fer-studio",
        pipeline_tag="image-classification",
        datasets=["fer2013"],
        tags=[
            "facial-emotion-recognition",
            "fer2013",
            "pytorch",
            "safetensors",
            *(["onnx"] if export else []),
            *(["transformers", "timm"] if for_transformers else []),
        ],
        metrics=["accuracy", "f1"],
        model_name=metrics["model"],
        eval_results=eval_results(metrics["splits"]["test"]),
    )
    return ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        metrics=metrics,
        model=repo_id or metrics["model"],
        recipe=recipe,
        learnt=tomllib.loads(recipe),
        config=artifact.config,
        export=export,
        for_transformers=for_transformers,
        transformers=TRANSFORMERS,
        float_file=FLOAT,
        int8_file=INT8,
        by_measure=by_measure(metrics["splits"]),
        own=artifact.views,
        test=metrics["splits"]["test"],
        views=VIEWS,
        mean_of=MEAN_OF,
        measures=MEASURES,
        weights=FIRST_WEIGHTS.get(tomllib.loads(recipe)["init"]),
        reliability=reliability(
            artifact.predictions["label"].to_numpy(),
            artifact.predictions[PROBABILITIES].to_numpy(dtype=float),
            BINS,
        ).to_dict("records"),
        emotions=EMOTIONS,
        picture=PICTURE,
    )


def by_measure(splits: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the figures of each split for each measure that was taken."""
    measured = {"label": splits}
    if "votes" in splits["test"]:
        measured["votes"] = {name: split["votes"] for name, split in splits.items()}
    return measured


def figures_by_view(test: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return a split's groups of figures by measure and view."""
    return {
        (measure, view): group["test"][view]
        for measure, group in by_measure({"test": test}).items()
        for view in VIEWS
        if view in group["test"]
    }


def eval_results(test: dict[str, Any]) -> list[EvalResult]:
    """Return every figure of the test split, by measure, view and, where it has one, emotion."""
    results = []
    for (measure, view), figures in figures_by_view(test).items():
        groups = {"": figures} | figures.get("per_class", {})
        for emotion, group in groups.items():
            for key, (kind, name) in METRICS.items():
                if key not in group:
                    continue
                results.append(
                    EvalResult(
                        task_type="image-classification",
                        task_name="Facial emotion recognition",
                        dataset_type="fer2013",
                        dataset_name=f"FER-2013, PrivateTest, {MEASURES[measure]}, {VIEWS[view]}",
                        dataset_config=view if measure == "label" else f"{measure}_{view}",
                        dataset_split="test",
                        metric_type=kind,
                        metric_name=f"{name}, {emotion}" if emotion else name,
                        metric_value=round(float(group[key]), 4),
                    )
                )
    return results


def confusion_picture(folder: Path) -> Image.Image:
    """Draw the confusion matrix of the test images; each row's shares shade its cells.

    It is of the model's own views, as the tables of the card are, by FER-2013's label.
    """
    matrix = np.array(Artifact(folder).figures("test")["confusion_matrix"])
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cell, left, top = 96, 150, 96
    side = cell * len(EMOTIONS)
    image = Image.new("RGB", (left + side + 24, top + side + 24), "white")
    draw = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(22), ImageFont.load_default(16)
    draw.text((left + side / 2, 12), "answer", "#555555", small, anchor="ma")
    draw.text((12, top - 12), "label", "#555555", small, anchor="ls")
    for row, emotion in enumerate(EMOTIONS):
        middle = top + row * cell + cell / 2
        draw.text((left - 14, middle), emotion, "black", large, anchor="rm")
        draw.text((left + row * cell + cell / 2, top - 14), emotion, "black", large, anchor="ms")
        for column, share in enumerate(shares[row]):
            x, y = left + column * cell, top + row * cell
            # From white to the app's blue.
            shade = tuple(round(255 + share * (end - 255)) for end in (0x1F, 0x3F, 0xA8))
            ink = "white" if share > 0.7 else "black"
            draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill=shade)
            centre = x + cell / 2 - 1
            draw.text((centre, y + cell / 2 - 12), f"{share:.0%}", ink, large, anchor="mm")
            count = str(matrix[row, column])
            draw.text((centre, y + cell / 2 + 16), count, ink, small, anchor="mm")
    return image
