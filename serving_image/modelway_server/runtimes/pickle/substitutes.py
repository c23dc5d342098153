"""Names in files for which something else is used."""

from typing import Any

MEMMAPS = frozenset({"numpy.memmap", "numpy.core.memmap.memmap", "numpy._core.memmap.memmap"})
"""The class of arrays that were read from a file; made here, it would open one. What it held is in the pickle."""
MOVED = {"_loss": "sklearn._loss._loss"}
"""Modules by the names that they bore in older versions: scikit-learn's losses, up to 1.8."""
UNUSED = frozenset(f"sklearn.cluster._kmeans._kmeans_single_{way}" for way in ("elkan", "lloyd"))
"""Functions that a fitted model keeps for training alone. Their compiled code believes the sizes of what it is given."""
_DISTRIBUTIONS = "scipy.stats."


class Distribution:
    """Stands for a distribution of scipy.stats, of which a fitted search has no more use.

    Rebuilding a distribution runs code that its state holds. Searches keep them for training alone.
    """


def is_distribution(name: str) -> bool:
    """Whether a name is one of scipy's distributions, or of what they are made of."""
    return name.startswith(_DISTRIBUTIONS)


def stand_in(*_: Any, **__: Any) -> Distribution:
    """What a call of a distribution gives."""
    return Distribution()


def train(*_: Any, **__: Any) -> None:
    """Stands for a function of training.

    Raises:
        TypeError: always.
    """
    raise TypeError("a model that answers does not train")
