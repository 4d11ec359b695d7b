"""What can be wrong with what a user hands in; each message is a sentence that says what to do."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or what kind of error it is if it says nothing.

    Its full stop is left to the sentence that it becomes part of.

    >>> first_line(OSError("no space left.\\nsome details")), first_line(MemoryError())
    ('no space left', 'MemoryError')
    """
    lines = str(error).strip().splitlines()
    return lines[0].removesuffix(".") if lines else type(error).__name__


class FerError(ValueError):
    """Base of the library's own errors: catch it, print it, go on with the rest."""


class UnreadableImage(FerError):
    """The bytes are not an image this library can read, or are too large to be read safely."""


class UnreadableVideo(FerError):
    """The file is not a video that can be read, or what is asked of one makes no sense."""


class UnknownModel(FerError):
    """No model goes by that name, or the folder is not a complete model."""


class OutputFailed(FerError):
    """The disk is full, or the output cannot be written; what is complete is kept."""


class HubError(FerError):
    """The Hugging Face Hub does not give or take what it was asked to."""


class UnreadableTable(FerError):
    """A table that a user hands in is damaged, or lacks the columns that are needed."""


class NothingToScore(FerError):
    """None of the files handed in is a photo."""


class TooMuch(FerError):
    """More than the server takes at once: files, bytes, or batches at a time."""


class NoLongerKept(FerError):
    """A result was deleted, or its time is over."""


class UnreadableArchive(FerError):
    """The bytes are not a zip archive, or its index is damaged."""


class FolderRefused(FerError):
    """There is no such folder among those that may be read."""


class AddressRefused(FerError):
    """There is no picture behind a web address, or none that may be fetched."""
