"""The sources of the columns of one part of a model."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """A column of the model's own input that reaches a part of the model with its values as they were sent.

    Attributes:
        column: its position in the input.
        stand_ins: values that an imputer replaced on the way.
    """

    column: int
    stand_ins: frozenset[Any] = frozenset()


Sources = tuple[Source | None, ...]
"""The source of each column of a part; None for a computed column."""
