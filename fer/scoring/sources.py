"""What a user names -> the listing of its photos: a folder, shards, tables, or a list."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from fer.errors import UnreadableTable
from fer.scoring.folder import Listing, UnknownFolder, list_folder
from fer.scoring.lists import list_manifest, list_paths
from fer.scoring.places import Place
from fer.scoring.shards import list_tables, list_tars

KINDS = (".tar", ".parquet", ".csv")
"""Endings of files that photos come from; what else is named is a folder."""

PACKED = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


def find_photos(sources: Sequence[str], files_from: str | None = None) -> Listing:
    """List the photos of what a user names.

    Args:
        sources: one folder or manifest, or one or more shards (tar) or tables of images (Parquet),
            each a path or a URL; the last name of a URL may hold a `*`.
        files_from: a list instead, `-` for stdin.

    Raises:
        UnknownFolder: if one does not exist, or they do not go together.
        UnreadableTable: if a list or a table is none.
    """
    if (files_from is None) == (not sources):
        raise UnknownFolder(
            "Say which photos: a folder, shards or a manifest, or --files-from, and not both."
        )
    if files_from is not None:
        return list_paths(files_from)
    endings = {_ending(source) for source in sources}
    if endings & set(PACKED):
        raise UnknownFolder(
            f"{sources[0]} is compressed, so that no photo in it can be reached without all before "
            "it: unpack the tar (gunzip, unxz), which photos make hardly larger."
        )
    if len(endings) > 1 or (len(sources) > 1 and not endings <= {".tar", ".parquet"}):
        raise UnknownFolder(
            "Give one folder, or several shards of one kind, all .tar or all .parquet."
        )
    (ending,) = endings
    if ending not in KINDS:
        if os.path.isfile(sources[0]):
            raise UnknownFolder(
                f"{sources[0]} is a file: give the folder that it lies in, or, if it lists photos, "
                f"--files-from {sources[0]}."
            )
        return list_folder(sources[0])
    places = [place for source in sources for place in Place.find(source)]
    if len({place.folder for place in places}) > 1:
        raise UnknownFolder(
            "Several shards have to lie in one folder: their names tell them apart."
        )
    name, count = Counter(place.short for place in places).most_common(1)[0]
    if count > 1:
        raise UnknownFolder(f"{name} is there {count} times: name each shard once.")
    if ending == ".csv":
        if len(places) > 1:
            raise UnreadableTable(f"{sources[0]} means several manifests: give one.")
        return list_manifest(places[0])
    return list_tars(places) if ending == ".tar" else list_tables(places)


def _ending(source: str) -> str:
    """Return a file's ending as in `KINDS` and `PACKED`; of a folder nothing."""
    name = PurePosixPath(source).name.lower()
    found = [ending for ending in (*PACKED, *KINDS) if name.endswith(ending)]
    return found[0] if found and not os.path.isdir(source) else ""
