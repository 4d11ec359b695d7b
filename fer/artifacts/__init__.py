"""A model is a folder: find it, read it, write it, take it from the Hub, check its figures."""

from fer.artifacts.store import (
    DEFAULT_MODEL,
    FILES,
    MODELS,
    damaged_weights,
    find_member,
    find_model,
    list_models,
    load_network,
    local_folder,
    read_config,
    replace_folder,
    save_weights,
    weight_digests,
    weight_files,
)

__all__ = [
    "DEFAULT_MODEL",
    "FILES",
    "MODELS",
    "damaged_weights",
    "find_member",
    "find_model",
    "list_models",
    "load_network",
    "local_folder",
    "read_config",
    "replace_folder",
    "save_weights",
    "weight_digests",
    "weight_files",
]
