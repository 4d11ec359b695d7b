"""The comparison page's view of what people agree on: the FER+ votes behind the test images."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.compare.images import numbers, show, show_images
from app.figures.trust import against_agreement, beside_ceiling
from fer.artifacts.report import VOTES, accuracy_interval
from fer.columns import PROBABILITIES
from fer.compare.agreement import LeftOut, by_agreement, suspect_labels
from fer.compare.metrics import Predictions

MANY = 30
"""Images that it takes for the sentence to speak of them."""


def people(
    models: Sequence[Predictions], tables: Mapping[str, pd.DataFrame], colours: Mapping[str, str]
) -> None:
    """Show accuracy by agreement, the ceiling that annotators set, and labels to doubt.

    Args:
        models: predictions, with the labels of the measure that is chosen.
        tables: the same models' predictions for all images, with FER-2013's label.
    """
    known = {name: table for name, table in tables.items() if VOTES in table}
    if not known:
        st.info(
            "The chosen models' folders do not know the votes: `python -m training evaluate NAME "
            "--data DIR --write` measures them anew.",
            icon=":material/how_to_vote:",
        )
        return
    show_ceiling(known, colours)
    show_agreement(
        [predictions for predictions in models if predictions.name in known], known, colours
    )
    show_suspects(known)


def votes_of(table: pd.DataFrame) -> np.ndarray:
    """Return the votes of a model's test images, int `[N, 10]`."""
    return np.stack(table[VOTES].tolist()).astype(int)


def show_ceiling(known: Mapping[str, pd.DataFrame], colours: Mapping[str, str]) -> None:
    """Show each model beside one annotator, both held against the other annotators."""
    st.header("One of the ten, and the models")
    lines = []
    for name, table in known.items():
        left_out = LeftOut.of(votes_of(table))
        predicted = table[PROBABILITIES].to_numpy().argmax(axis=1)
        lines.append(
            {
                "model": name,
                "accuracy": left_out.accuracy(predicted),
                "one annotator": left_out.ceiling(),
                "images": len(np.unique(left_out.image)),
            }
        )
    table = pd.DataFrame(lines)
    ceiling = float(table["one annotator"].iloc[0])
    said = "; ".join(f"**{line['model']}** {line['accuracy']:.1%}" for line in lines)
    st.markdown(
        f"One annotator names what most of the others name on **{ceiling:.1%}** of the images; "
        f"against the same others, {said}."
    )
    show(beside_ceiling(table, ceiling, colours), table, "ceiling",
         "Each model and one annotator, held against the other annotators")  # fmt: skip
    st.caption(
        "Each annotator of an image is left out in turn and held against the emotion that most of "
        "the others gave; a model is held against the same. Above the dotted line a model agrees "
        "with the crowd more often than one of the crowd does."
    )


def show_agreement(
    models: Sequence[Predictions], known: Mapping[str, pd.DataFrame], colours: Mapping[str, str]
) -> None:
    """Show how often each model is right where few or many annotators agreed."""
    st.header("Where people agree")
    tables = []
    for predictions in models:
        voted = known[predictions.name]
        place = pd.Index(voted["row"]).get_indexer(predictions.table["row"])
        right = predictions.predicted == predictions.labels
        tables.append(by_agreement(votes_of(voted)[place], right).assign(model=predictions.name))
    table = pd.concat(tables, ignore_index=True)
    table = table[["model", *table.columns[:-1]]]
    first = table[table["model"] == models[0].name]
    first = first[first["images"] >= MANY]
    if len(first):
        most, least = first.iloc[-1], first.iloc[0]
        st.markdown(
            f"Where {most['agreed']} of ten saw the same emotion, **{models[0].name}** is right on "
            f"{most['accuracy']:.0%} of {most['images']:,} images; where {least['agreed']} did, on "
            f"{least['accuracy']:.0%} of {least['images']:,}."
        )
    show(against_agreement(table, colours), table, "agreement",
         "Accuracy by how many annotators saw the same emotion")  # fmt: skip
    nobody = (
        " At 0 nobody named one of the seven: they saw contempt, no face, or could not say."
        if 0 in table["agreed"].to_list()
        else ""
    )
    st.caption(f"Right by the measure chosen above; lines are 95% intervals.{nobody}")


def show_suspects(known: Mapping[str, pd.DataFrame]) -> None:
    """List the images whose label votes and models speak against, and what they cost."""
    st.header("Labels to doubt")
    first = next(iter(known.values())).set_index("row")
    common = first.index
    for table in known.values():
        common = common.intersection(pd.Index(table["row"]))
    aligned = {name: table.set_index("row").loc[common] for name, table in known.items()}
    probabilities = np.mean([table[PROBABILITIES] for table in aligned.values()], axis=0)
    labels, votes = first.loc[common, "label"].to_numpy(), votes_of(first.loc[common])
    suspects = suspect_labels(labels, probabilities, votes)
    suspects.insert(0, "row", common.to_numpy()[suspects["image"].to_numpy()])
    inside = np.isin(np.arange(len(common)), suspects["image"])
    lines = []
    for name, table in aligned.items():
        right = table[PROBABILITIES].to_numpy().argmax(axis=1) == labels
        rest = right[~inside]
        low, high = accuracy_interval(int(rest.sum()), len(rest))
        lines.append(
            {
                "model": name,
                "images": len(right),
                "accuracy": right.mean(),
                "images without them": len(rest),
                "accuracy without them": rest.mean(),
                "low": low,
                "high": high,
            }
        )
    table = pd.DataFrame(lines)
    st.markdown(
        f"On **{len(suspects):,}** of {len(common):,} test images both the chosen models and most "
        f"annotators see another emotion than FER-2013's label. Without them, by the label: "
        + "; ".join(
            f"**{line['model']}** {line['accuracy without them']:.1%} instead of "
            f"{line['accuracy']:.1%}"
            for line in lines
        )
        + "."
    )
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        table,
        hide_index=True,
        column_config=dict.fromkeys(("accuracy", "accuracy without them", "low", "high"), percent),
        alt="Accuracy by FER-2013's label with and without the images whose label is doubted",
        key="without-suspects",
    )
    st.caption(
        "A model speaks against a label where another emotion is at least as probable as it is on "
        "average where it is the label (confident learning, Northcutt et al. 2021), here the mean "
        "of the chosen models; the votes, where that emotion is their majority. They are doubts, "
        "not proof: the models learnt from labels of the same kind."
    )
    numbers(suspects.drop(columns="image"), "suspect-labels")
    predictions = [Predictions(name, table) for name, table in known.items()]
    show_images(predictions, suspects["row"].tolist(), "suspects")
