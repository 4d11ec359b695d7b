"""Publish models to the Hugging Face Hub; `training.space` publishes the app.

python -m training publish cnn --repo-id ORG/NAME --dry-run DIR    # only writes what would go up
python -m training publish cnn --repo-id ORG/NAME
python -m training publish --all --repo-id ORG    # each with weights to ORG/NAME, and a collection
"""

import dataclasses
import fnmatch
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import CommitInfo, HfApi

from fer.artifacts import FILES, Artifact
from fer.artifacts.export import Export
from fer.artifacts.hub import hub_errors
from fer.artifacts.store import ROBUSTNESS
from fer.config import HUB_ID
from fer.errors import FerError, HubError, UnknownModel
from fer.shipped import EXPORTS
from training import export_transformers
from training.artifact import find_artifact, finished_artifacts
from training.card import write_card

REQUIRED = tuple(
    name for name in FILES if "*" not in name and "index" not in name and name != ROBUSTNESS
)
PUBLISHED = (*FILES, *(f"{name}/*" for name in EXPORTS))
"""What a model's repository may hold; whoever loads it by this library fetches `FILES` alone."""
COLLECTION = "Facial emotion recognition on FER-2013"


class Unfinished(FerError):
    """A model's folder that is not fit to be published."""


def check_artifact(folder: Path) -> None:
    """Refuse a model's folder that is incomplete or contradicts itself.

    Raises:
        Unfinished: with a sentence that names what is missing or wrong.
        UnknownModel: if a file is damaged, or its figures do not follow from its predictions.
        NotExported: if what it has for ONNX or transformers does not answer as its weights do.
    """
    if missing := [name for name in REQUIRED if not (folder / name).is_file()]:
        raise Unfinished(
            f"{folder} is not complete: {', '.join(missing)} is missing; "
            "`python -m training train` writes them all."
        )
    artifact = Artifact(folder)
    if wrong := artifact.damaged_weights():
        raise Unfinished(f"{folder}: {', '.join(wrong)} is not the file that metrics.json names.")
    artifact.load_network()
    artifact.check_figures()
    if Export.read(artifact):
        # Imported here: only this needs the extra `export`.
        from training.export import check_export

        check_export(artifact)
    if export_transformers.has_export(artifact):
        export_transformers.check_export(artifact)


def stage_model(folder: Path, repo_id: str, target: Path) -> None:
    """Write exactly what is published of a model: its files, the card naming the Hub's repository.

    Raises:
        FerError: if the folder is not fit to be published, see `check_artifact`.
    """
    check_artifact(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name in PUBLISHED:
        for path in folder.glob(name):
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
    config = Artifact(folder).config
    if config.members:
        hub_members = {"members": _on_the_hub(config.members, repo_id)}
        config = dataclasses.replace(config, network_arguments=hub_members)
        (target / "config.json").write_text(config.to_json())
    write_card(target, repo_id)


def _on_the_hub(members: Sequence[str], repo_id: str) -> list[str]:
    """Return an ensemble's members as they are called where it is published: beside it."""
    return [f"{repo_id.split('/')[0]}/{Path(member).name}" for member in members]


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
        FerError: if the folder is not fit to be published, see `check_artifact`, or the destination
            is none; nothing is created then.
        HubError: with a sentence that says what the Hub refused and what to do.
    """
    check_destination(repo_id, revision, create_pr)
    with tempfile.TemporaryDirectory() as staged:
        stage_model(folder, repo_id, Path(staged))
        api = log_in(repo_id)
        with hub_errors(repo_id, revision):
            for member in Artifact(Path(staged)).config.members:
                if not api.repo_exists(member):
                    raise HubError(f"{repo_id} answers through {member}: publish that one first.")
            api.create_repo(repo_id, private=private or None, exist_ok=True)
            if revision:
                api.create_branch(repo_id, branch=revision, exist_ok=True)
            refuse_foreign(api, repo_id, "model", "metrics.json", PUBLISHED, revision)
            commit = upload(api, repo_id, "model", staged, revision, create_pr)
    return str(commit.pr_url or commit.commit_url)


def publish_all(
    owner: str, private: bool = False, revision: str | None = None, create_pr: bool = False
) -> list[str]:
    """Upload each finished model with weights to `owner/NAME`, gather them in a collection.

    Returns:
        The addresses of the commits or pull requests, and last that of the collection.

    Raises:
        FerError: if one is not fit to be published, see `check_artifact`; nothing is uploaded then.
        HubError: as `publish_model`.
    """
    # An ensemble comes after its members.
    artifacts = sorted(_finished_for(owner), key=lambda artifact: bool(artifact.config.members))
    for artifact in artifacts:
        check_artifact(artifact.path)
    addresses = [
        publish_model(artifact.path, f"{owner}/{artifact.name}", private, revision, create_pr)
        for artifact in artifacts
    ]
    api = HfApi(library_name="fer-studio")
    with hub_errors(owner):
        collection = api.create_collection(
            COLLECTION, namespace=owner, private=private, exists_ok=True
        )
        for artifact in artifacts:
            item = f"{owner}/{artifact.name}"
            api.add_collection_item(collection.slug, item, "model", exists_ok=True)
    return [*addresses, collection.url]


def stage_models(target: Path, name: str | None, repo_id: str) -> None:
    """Write into an empty folder exactly what would be uploaded; the Hub is not asked.

    Args:
        target: the folder.
        name: the model, or `None` for every finished one with weights, each into its own folder.
        repo_id: `organisation/name`, or the organisation alone for every model.

    Raises:
        FerError: if the folder is not empty, or a model is not fit to be published.
    """
    require_empty(target)
    if name is not None:
        stage_model(find_artifact(name).path, repo_id, target)
        return
    for artifact in _finished_for(repo_id):
        stage_model(artifact.path, f"{repo_id}/{artifact.name}", target / artifact.name)


def require_empty(folder: Path) -> None:
    """Refuse to write where something is.

    Raises:
        FerError: if the path is there and not an empty folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FerError(f"{folder} is not an empty folder: give a new one to write to.")


def _finished_for(owner: str) -> list[Artifact]:
    """Return the finished models but those of which only the evidence is here, and name these."""
    if "/" in owner:
        raise HubError(f"With --all give the organisation's name alone, not {owner!r}.")
    finished = finished_artifacts()
    if without := [artifact.name for artifact in finished if not artifact.has_weights]:
        print(f"Left out, their weights are not here: {', '.join(without)}.", file=sys.stderr)
    if not (artifacts := [artifact for artifact in finished if artifact.has_weights]):
        raise UnknownModel(
            "There is no finished model with weights in models/ or runs/: train one first."
        )
    return artifacts


def check_destination(repo_id: str, revision: str | None = None, create_pr: bool = False) -> None:
    """Refuse what is not the name of a repository, or two places in it at once.

    Raises:
        HubError: if it is no name.
        FerError: if it is two places.
    """
    if not HUB_ID.fullmatch(repo_id):
        raise HubError(f"{repo_id!r} is not the name of a Hub repository: it reads ORG/NAME.")
    if create_pr and revision:
        raise FerError("A pull request goes to main: give --create-pr or --revision, not both.")


def log_in(repo_id: str) -> HfApi:
    """Return the Hub's client, once it is sure that there is a token and that the Hub takes it.

    Raises:
        HubError: if it is not, or `repo_id` is no name.
    """
    check_destination(repo_id)
    api = HfApi(library_name="fer-studio")
    with hub_errors(repo_id):
        api.whoami()
    return api


def refuse_foreign(
    api: HfApi,
    repo_id: str,
    kind: str,
    mark: str,
    ours: Sequence[str] = ("*",),
    revision: str | None = None,
) -> None:
    """Refuse a repository with other content: a publication replaces all that is there.

    Args:
        mark: a file that every repository of ours has.
        ours: patterns of the files that ours may have.
        revision: the branch that is published to; `main` when left out.

    Raises:
        HubError: if it has other content.
    """
    files = api.list_repo_files(repo_id, repo_type=kind, revision=revision)
    there = set(files) - {".gitattributes", "README.md"}
    foreign = sorted(
        name for name in there if not any(fnmatch.fnmatch(name, pattern) for pattern in ours)
    )
    if foreign or (there and mark not in there):
        shown = ", ".join((foreign or sorted(there))[:3])
        raise HubError(
            f"{repo_id} on the Hub is a {kind} of another kind (it holds {shown}), and publishing "
            "would replace it: choose another name."
        )


def upload(
    api: HfApi,
    repo_id: str,
    kind: str,
    staged: str,
    revision: str | None = None,
    create_pr: bool = False,
) -> CommitInfo:
    """Make a repository hold what a folder holds, in one commit."""
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
