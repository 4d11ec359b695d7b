"""Publish models, and the app as a Space, to the Hugging Face Hub.

python -m training publish cnn --repo-id ORG/NAME --dry-run DIR    # only writes what would go up
python -m training publish cnn --repo-id ORG/NAME
python -m training publish --all --repo-id ORG                     # ORG/cnn …, and a collection
python -m training publish --space ORG/NAME
"""

import fnmatch
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import CommitInfo, HfApi, SpaceCardData

from fer.artifacts import FILES, MODELS, damaged_weights, load_network
from fer.errors import FerError, HubError, UnknownModel
from fer.hub import hub_errors, is_hub_id
from fer.report import Report, predicted_labels, read_predictions
from training.card import write_card

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = tuple(name for name in FILES if "*" not in name and "index" not in name)
COLLECTION = "Facial emotion recognition on FER-2013"

SPACE_FILES = (
    "Dockerfile",
    ".dockerignore",
    ".streamlit/config.toml",
    "LICENSE",
    "requirements.txt",
    "streamlit_app.py",
    "fer",
    "pages",
    "models",
)
"""What of the repository the app needs; the README gets the Space's front matter."""

# The Space's page shows the app in a frame of another origin: with the default (Lax) the browser
# withholds the cookie that proves an upload is not forged, and every upload fails.
SPACE_VARIABLES = {"STREAMLIT_SERVER_XSRF_COOKIE_SAME_SITE": "none"}


class Unfinished(FerError):
    """A model's folder that is not fit to be published."""


def check_artifact(folder: Path) -> None:
    """Refuse a model's folder that is incomplete or contradicts itself.

    Raises:
        Unfinished: with a sentence that names what is missing or wrong.
    """
    if missing := [name for name in REQUIRED if not (folder / name).is_file()]:
        raise Unfinished(
            f"{folder} is not complete: {', '.join(missing)} is missing; "
            "`python -m training train` writes them all."
        )
    if wrong := damaged_weights(folder):
        raise Unfinished(f"{folder}: {', '.join(wrong)} is not the file that metrics.json names.")
    load_network(folder)
    stated = Report.read(folder).metrics["splits"]["test"]["plain"]
    try:
        predictions = read_predictions(folder)
        correct = int((predicted_labels(predictions) == predictions["label"]).sum())
    except (OSError, ValueError, KeyError) as error:
        raise Unfinished(f"{folder / 'predictions.parquet'} cannot be read: {error}") from error
    if (correct, len(predictions)) != (stated["correct"], stated["images"]) or (
        stated["accuracy"] != correct / len(predictions)
    ):
        raise Unfinished(
            f"{folder}: metrics.json states {stated['correct']} of {stated['images']} test images "
            f"right, predictions.parquet gives {correct} of {len(predictions)}."
        )


def stage_model(folder: Path, repo_id: str, target: Path) -> None:
    """Write exactly what is published of a model: its files, the card naming the Hub's repository.

    Raises:
        Unfinished: if the folder is not fit to be published.
    """
    check_artifact(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        for path in folder.glob(name):
            shutil.copyfile(path, target / path.name)
    write_card(target, repo_id)


def stage_space(target: Path) -> None:
    """Write exactly what is published as a Space: the app, its models and the front matter."""
    for name in SPACE_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
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


def publish_model(
    folder: Path,
    repo_id: str,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
) -> str:
    """Upload a model in one commit, creating its repository if need be.

    Args:
        folder: the model's folder.
        repo_id: `organisation/name`.
        private: whether a new repository is private.
        revision: the branch to commit to, made if need be; `main` when left out.
        create_pr: whether to open a pull request instead of committing to `main`.

    Returns:
        The address of the commit or the pull request.

    Raises:
        Unfinished: if the folder is not fit to be published; nothing is created then.
        HubError: with a sentence that says what the Hub refused and what to do.
    """
    if create_pr and revision:
        raise FerError("A pull request goes to main: give --create-pr or --revision, not both.")
    with tempfile.TemporaryDirectory() as staged:
        stage_model(folder, repo_id, Path(staged))
        api = _log_in(repo_id)
        with hub_errors(repo_id, revision):
            api.create_repo(repo_id, private=private or None, exist_ok=True)
            if revision:
                api.create_branch(repo_id, branch=revision, exist_ok=True)
            _refuse_foreign(api, repo_id, "model", "metrics.json", FILES)
            commit = _upload(api, repo_id, "model", staged, revision, create_pr)
    return str(commit.pr_url or commit.commit_url)


def publish_all(
    owner: str, private: bool = False, revision: str | None = None, create_pr: bool = False
) -> list[str]:
    """Upload each finished model to `owner/NAME`, gather them in a collection.

    Returns:
        The addresses of the commits or pull requests, and last that of the collection.

    Raises:
        Unfinished: if one is not fit to be published; nothing is uploaded then.
        HubError: as `publish_model`.
    """
    folders = _finished_for(owner)
    for folder in folders:
        check_artifact(folder)
    addresses = [
        publish_model(folder, f"{owner}/{folder.name}", private, revision, create_pr)
        for folder in folders
    ]
    api = HfApi(library_name="fer-studio")
    with hub_errors(owner):
        collection = api.create_collection(
            COLLECTION, namespace=owner, private=private, exists_ok=True
        )
        for folder in folders:
            item = f"{owner}/{folder.name}"
            api.add_collection_item(collection.slug, item, "model", exists_ok=True)
    return [*addresses, collection.url]


def stage(target: Path, *, space: str | None, name: str | None, repo_id: str) -> None:
    """Write into an empty folder exactly what would be uploaded; the Hub is not asked.

    Raises:
        FerError: if the folder is not empty, or there is nothing fit to be published.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FerError(f"{target} is not an empty folder: give a new one to write to.")
    if space is not None:
        stage_space(target)
    elif name is not None:
        stage_model(find_artifact(name), repo_id, target)
    else:
        for folder in _finished_for(repo_id):
            stage_model(folder, f"{repo_id}/{folder.name}", target / folder.name)


def publish_space(repo_id: str, private: bool = False) -> str:
    """Upload the app as a Space that is built from the Dockerfile; return its address.

    Raises:
        HubError: with a sentence that says what the Hub refused and what to do.
    """
    with tempfile.TemporaryDirectory() as staged:
        stage_space(Path(staged))
        api = _log_in(repo_id)
        with hub_errors(repo_id):
            url = api.create_repo(
                repo_id,
                repo_type="space",
                space_sdk="docker",
                private=private or None,
                exist_ok=True,
            )
            _refuse_foreign(api, repo_id, "space", "streamlit_app.py")
            for key, value in SPACE_VARIABLES.items():
                api.add_space_variable(repo_id, key, value)
            _upload(api, repo_id, "space", staged)
    return str(url)


def find_artifact(name: str) -> Path:
    """Return a model's folder on this disk: a name in `models/` or `runs/`, or a path.

    Raises:
        UnknownModel: if there is none.
    """
    for folder in (MODELS / name, Path("runs") / name, Path(name)):
        if (folder / "config.json").is_file():
            return folder
    raise UnknownModel(
        f"There is no model {name!r} in models/ or runs/, nor a folder of that name."
    )


def finished_artifacts() -> list[Path]:
    """Return the folders of all models that a finished training run has left.

    Those in `models/`, and those in `runs/` whose name is not there. A run writes its folder
    beside the final one and moves it when it is whole.
    """
    found: dict[str, Path] = {}
    for parent in (MODELS, Path("runs")):
        for path in sorted(parent.glob("*/metrics.json")):
            if path.parent.suffix not in (".partial", ".old"):
                found.setdefault(path.parent.name, path.parent)
    return list(found.values())


def _finished_for(owner: str) -> list[Path]:
    if "/" in owner:
        raise HubError(f"With --all give the organisation's name alone, not {owner!r}.")
    if not (folders := finished_artifacts()):
        raise UnknownModel("There is no finished model in models/ or runs/: train one first.")
    return folders


def _log_in(repo_id: str) -> HfApi:
    """Return the Hub's client, once it is sure that there is a token and that the Hub takes it."""
    if not is_hub_id(repo_id):
        raise HubError(f"{repo_id!r} is not the name of a Hub repository: it reads ORG/NAME.")
    api = HfApi(library_name="fer-studio")
    with hub_errors(repo_id):
        api.whoami()
    return api


def _refuse_foreign(
    api: HfApi, repo_id: str, kind: str, mark: str, ours: Sequence[str] = ("*",)
) -> None:
    """Refuse a repository with other content: a publication replaces all that is there.

    Args:
        mark: a file that every repository of ours has.
        ours: patterns of the files that ours may have.
    """
    there = set(api.list_repo_files(repo_id, repo_type=kind)) - {".gitattributes", "README.md"}
    foreign = sorted(
        name for name in there if not any(fnmatch.fnmatch(name, pattern) for pattern in ours)
    )
    if foreign or (there and mark not in there):
        shown = ", ".join((foreign or sorted(there))[:3])
        raise HubError(
            f"{repo_id} on the Hub is a {kind} of another kind (it holds {shown}), and publishing "
            "would replace it: choose another name."
        )


def _upload(
    api: HfApi,
    repo_id: str,
    kind: str,
    staged: str,
    revision: str | None = None,
    create_pr: bool = False,
) -> CommitInfo:
    with warnings.catch_warnings():
        # predictions.parquet is meant to be there: it is the evidence for the figures.
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data")
        return api.upload_folder(
            repo_id=repo_id,
            repo_type=kind,
            folder_path=staged,
            revision=revision,
            create_pr=create_pr,
            commit_message=f"Publish {repo_id.split('/')[1]}",
            delete_patterns="*",  # what an older version had and this one has not
        )
