"""A model is a folder: find it, read it, check it, write it, take it from the Hub."""

from fer.artifacts.store import (
    DEFAULT_MODEL,
    FILES,
    MODELS,
    RIVALS,
    Artifact,
    list_models,
    list_rivals,
    local_folders,
)
from fer.artifacts.writing import save_weights, whole_folder

__all__ = [
    "DEFAULT_MODEL",
    "FILES",
    "MODELS",
    "RIVALS",
    "Artifact",
    "list_models",
    "list_rivals",
    "local_folders",
    "save_weights",
    "whole_folder",
]
