"""Publish the app as a Hugging Face Space, which is built from the Dockerfile.

python -m training publish --space ORG/NAME --dry-run DIR     # only writes what would go up
python -m training publish --space ORG/NAME
"""

import shutil
import tempfile
from pathlib import Path

from huggingface_hub import SpaceCardData

from fer.artifacts.hub import hub_errors
from fer.shipped import NOT_SHIPPED
from training.publish import log_in, refuse_foreign, require_empty, upload

ROOT = Path(__file__).resolve().parents[1]

SPACE_FILES = (
    "Dockerfile",
    ".dockerignore",
    ".streamlit/config.toml",
    "LICENSE",
    "requirements.txt",
    "serve.py",
    "streamlit_app.py",
    "fer",
    "app",
    "pages",
    "models",
    "docs/images",
)
"""What of the repository the app needs, and the README, which gets the Space's front matter."""

# The Space's page shows the app in a frame of another origin: with the default (Lax) the browser
# withholds the cookie that proves an upload is not forged, and every upload fails.
SPACE_VARIABLES = {"STREAMLIT_SERVER_XSRF_COOKIE_SAME_SITE": "none"}


def stage_space(target: Path) -> None:
    """Write exactly what is published as a Space: the app, its models and the front matter.

    Raises:
        FerError: if the target is not an empty folder.
    """
    require_empty(target)
    for name in SPACE_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source,
                target / name,
                ignore=shutil.ignore_patterns("__pycache__", "*.pyc", *NOT_SHIPPED),
            )
        else:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)
    front = SpaceCardData(
        title="Facial emotions",
        sdk="docker",
        app_port=8501,
        license="mit",
        emoji="🎭",
        colorFrom="blue",
        colorTo="indigo",
        short_description="Names the emotion of every face in a photo",
    )
    readme = (ROOT / "README.md").read_text()
    (target / "README.md").write_text(f"---\n{front}\n---\n\n{readme}")


def publish_space(repo_id: str, private: bool = False) -> str:
    """Upload the app as a Space that is built from the Dockerfile; return its address.

    Raises:
        HubError: with a sentence that says what the Hub refused and what to do.
    """
    with tempfile.TemporaryDirectory() as staged:
        stage_space(Path(staged))
        api = log_in(repo_id)
        with hub_errors(repo_id):
            url = api.create_repo(
                repo_id,
                repo_type="space",
                space_sdk="docker",
                private=private or None,
                exist_ok=True,
            )
            refuse_foreign(api, repo_id, "space", "streamlit_app.py")
            for key, value in SPACE_VARIABLES.items():
                api.add_space_variable(repo_id, key, value)
            upload(api, repo_id, "space", staged)
    return str(url)
