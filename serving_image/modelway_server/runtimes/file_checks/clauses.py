"""What the checks of fitted states are written with: a clause that must hold, and an index that must lead somewhere."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

State: TypeAlias = Mapping[str, Any]
"""The attributes of an object, by name."""


class Disagreement(ValueError):
    """What disagrees, as a clause."""


def hold(holds: Any, what: str) -> None:
    """Go on if something holds.

    Raises:
        Disagreement: it does not.
    """
    if not holds:
        raise Disagreement(what)


def within(indices: Any, limit: int, what: str) -> None:
    """Go on if every index is one of `range(limit)`.

    Raises:
        Disagreement: one leads out.
    """
    found = np.asarray(indices)
    hold(not found.size or (found.min() >= 0 and found.max() < limit), f"{what} leads out of it")
