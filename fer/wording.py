"""How numbers are put to people."""


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
