"""Where the columns of one part of a model come from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """A column of the model's own input, which reaches a part of the model with its values as they were sent.

    Attributes:
        column: its position in the input.
        stand_ins: values that were replaced on the way, as an imputer does.
    """

    column: int
    stand_ins: frozenset[Any] = frozenset()


Sources = tuple[Source | None, ...]
"""Of each column of a part; None for one that was computed."""
