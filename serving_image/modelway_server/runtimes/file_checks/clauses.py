"""Two checks of fitted states: a clause must hold, and indices must be within a limit."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

State: TypeAlias = Mapping[str, Any]
"""The attributes of an object, by name."""


class Disagreement(ValueError):
    """Parts disagree; the message says which, as a clause."""


def hold(holds: Any, what: str) -> None:
    """Check that a clause holds.

    Raises:
        Disagreement: it does not hold.
    """
    if not holds:
        raise Disagreement(what)


def within(indices: Any, limit: int, what: str) -> None:
    """Check that every index is in `range(limit)`.

    Raises:
        Disagreement: an index is out of range.
    """
    array = np.asarray(indices)
    hold(not array.size or (array.min() >= 0 and array.max() < limit), f"{what} leads out of it")
