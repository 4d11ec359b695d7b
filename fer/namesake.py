"""PyPI has another package that is imported as `fer`: the two cannot share an environment.

pip asks nothing when it writes one package's `fer/__init__.py` over the other's, and when it
takes one away, that file goes with it. Then this library says so instead of working by half.
"""

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from fer.errors import FerError

SENTENCE = (
    "PyPI's package fer, another project that is imported by the same name, is or was installed "
    "over fer-studio. Run `pip uninstall fer fer-studio`, then install fer-studio alone."
)


class NamesakeInstalled(FerError, ImportError):
    """Files of PyPI's package `fer` lie among this library's, or took some away as they went."""


def refuse_namesake() -> None:
    """Make sure that the package `fer` is this library, whole and alone.

    Raises:
        NamesakeInstalled: if PyPI's `fer` is or was installed in the same place.
    """
    if "Recognizer" not in getattr(sys.modules["fer"], "__all__", ()):
        raise NamesakeInstalled(SENTENCE)
    try:
        theirs = distribution("fer").locate_file("fer")
    except PackageNotFoundError:
        return
    if Path(str(theirs)).resolve() == Path(__file__).resolve().parent:
        raise NamesakeInstalled(SENTENCE)
