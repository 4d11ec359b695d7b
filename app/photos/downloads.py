"""What the photos page gives away: the table as CSV and JSON, and the pictures as a zip."""

import json

import streamlit as st

from app.downloads import offer_download
from app.photos.album import Album
from app.photos.views import zip_of_pictures
from app.pictures import offer_pictures
from fer.scoring.csv_output import EXCEL_MARK, HEADER, csv_lines
from fer.scoring.rows import Rows, to_frame


def show_downloads(album: Album, model: str, rows: Rows) -> None:
    """Show the downloads of all photos; what they send is made when they are pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, make, name, mime in (
            ("CSV", lambda: HEADER + csv_lines(rows), "emotions.csv", "text/csv"),
            (
                "CSV for Excel",
                lambda: EXCEL_MARK + HEADER + csv_lines(rows),
                "emotions.csv",
                "text/csv",
            ),
            ("JSON", lambda: to_json(rows), "emotions.json", "application/json"),
        ):
            offer_download(
                f"Download {label}",
                make,
                name,
                mime,
                f"download-{label}",
                help="All faces, with their boxes in pixels of the upright photo.",
            )
        if len(album.shots) > 1:
            offer_pictures(
                "Pictures as a zip",
                lambda hiding: zip_of_pictures(album, model, hiding),
                "emotions.zip",
                "application/zip",
            )


def to_json(rows: Rows) -> str:
    """Return the table as a list of objects, one a row."""
    return json.dumps(json.loads(to_frame(rows).to_json(orient="records")), indent=2)
