"""How numbers and answers are put to people."""

from collections.abc import Mapping


def percent(share: float) -> str:
    """Return a share as whole percent, never rounded to a certainty that it does not have.

    >>> percent(0.714), percent(0.998), percent(0.001), percent(1.0)
    ('71%', '>99%', '<1%', '100%')
    """
    if 0.995 <= share < 1:
        return ">99%"
    if 0 < share < 0.005:
        return "<1%"
    return f"{share:.0%}"


def named(shares: Mapping[str, float], certain: bool) -> str:
    """Return what a face shows: its likeliest emotion, or two of them where that is not certain.

    >>> named({"happy": 0.9, "sad": 0.04, "fear": 0.06}, certain=True)
    'happy 90%'
    >>> named({"happy": 0.2, "sad": 0.42, "fear": 0.38}, certain=False)
    'unsure: sad 42% or fear 38%'
    """
    first, second, *_ = sorted(shares, key=lambda emotion: -shares[emotion])
    if certain:
        return f"{first} {percent(shares[first])}"
    return f"unsure: {first} {percent(shares[first])} or {second} {percent(shares[second])}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a count of things, as one says it.

    >>> counted(1, "photo"), counted(0, "photo"), counted(1200, "photo")
    ('1 photo', '0 photos', '1,200 photos')
    >>> counted(1, "photo is", "photos are")
    '1 photo is'

    Args:
        many: what more than one are called, and none; `one` with an s when left out.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time span in its two largest units, as one says it.

    >>> duration(0.4), duration(75), duration(7200), duration(7262)
    ('1 s', '1 min 15 s', '2 h', '2 h 1 min')
    """
    whole = max(1, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    units = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in units if number)
