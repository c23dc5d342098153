"""Names in files that stand-ins replace."""

from typing import Any

MEMMAPS = frozenset({"numpy.memmap", "numpy.core.memmap.memmap", "numpy._core.memmap.memmap"})
"""The class of arrays in memory-mapped files. An instance would open a file; its content is in the pickle."""
MOVED = {"_loss": "sklearn._loss._loss"}
"""Modules by their names in older versions: the losses of scikit-learn up to 1.8."""
UNUSED = frozenset(f"sklearn.cluster._kmeans._kmeans_single_{way}" for way in ("elkan", "lloyd"))
"""Functions that a fitted model keeps only for training. Their compiled code trusts the sizes of its arguments."""
_DISTRIBUTIONS = "scipy.stats."


class Distribution:
    """Stands for a distribution of scipy.stats.

    Rebuilding a distribution would run code from its state. Fitted searches no longer need their distributions.
    """


def is_distribution(name: str) -> bool:
    """Whether a name is a distribution of scipy, or a part of one."""
    return name.startswith(_DISTRIBUTIONS)


def stand_in(*_: Any, **__: Any) -> Distribution:
    """Return the stand-in for a call of a distribution."""
    return Distribution()


def train(*_: Any, **__: Any) -> None:
    """Stand for a function that only training calls.

    Raises:
        TypeError: always.
    """
    raise TypeError("a model that answers does not train")
