"""What a number in a configuration may be, said beside its field.

A dataclass whose field is annotated `Annotated[float, Range(0, 1)]` documents it and checks
nothing: who reads a configuration does, as `training.recipe` does of recipes.
"""

from dataclasses import dataclass

MANY = 10**6
"""More than anything that is counted here."""


@dataclass(frozen=True)
class Range:
    """The least and the largest value of a field; outside, it means nothing or fails late."""

    least: float
    most: float = MANY

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"from {self.least:,} to {self.most:,}"
