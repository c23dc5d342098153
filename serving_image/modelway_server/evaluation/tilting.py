"""One-sided bounds of a mean by exponential tilting and a saddlepoint: exact enough at 0.1 %, without resampling.

The bound is the mean of the tilted sample under which a mean as good as the observed one has the probability `level`
(DiCiccio and Romano 1990). Lugannani and Rice's formula gives that probability to a relative error of 1/rows. One row
of the worst kind is added first: rows of a kind that the sample happens to lack then cannot make a bound too tight. The
observed mean counts as lower by at least half a step, the width of all values by twice their number: of counts, which
go by whole steps, the formula for smooth values would else miss half of one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

Floats = NDArray[np.float64]
_FLAT = 1e-14
"""Values that differ by less, in units of the largest, are one."""
_DOUBLINGS = 60


@dataclass(frozen=True)
class Tilt:
    """A tilted sample whose mean is a bound.

    Attributes:
        shift: its mean.
        multipliers: how much each row counts, 1 in the sample as it is.
        share: the share of the added row among all.
    """

    shift: float
    multipliers: Floats
    share: float


def lower_tilt(values: Floats, worst: float, level: float) -> Tilt:
    """The tilt whose mean is the lower bound of the values' mean.

    Args:
        values: one a row.
        worst: the value of the row that is added: the lowest that a row may have.
        level: the probability that the bound is too high.
    """
    distinct, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    points, masses = np.append(distinct, worst), np.append(counts, 1).astype(np.float64)
    scale = float(np.abs(points).max())
    if float(np.ptp(points)) <= _FLAT * scale:
        return Tilt(float(points[-1]), np.ones(len(values)), 1 / masses.sum())
    tilted = _tilt(points / scale, _half_a_step_down(points / scale, masses), level)
    rows = masses.sum() - 1
    return Tilt(float((tilted * points).sum()), (tilted / masses)[place] * rows, float(tilted[-1]))


def _half_a_step_down(points: Floats, masses: Floats) -> Floats:
    """The masses tilted until their mean is half a step below that of the rows, if the added row did not lower it so far."""
    total = float(masses.sum())
    mean = float((masses * points)[:-1].sum()) / (total - 1)
    wanted = mean - float(np.ptp(points)) / (2 * total)

    def excess(strength: float) -> float:
        return wanted - float((_shares(points, masses, strength) * points).sum())

    if excess(0.0) >= 0:
        return masses
    high = 1.0
    for _ in range(_DOUBLINGS):
        if excess(high) >= 0:
            break
        high *= 2
    return _shares(points, masses, float(brentq(excess, 0.0, high, xtol=1e-13 * high, rtol=1e-13))) * total


def _tilt(points: Floats, masses: Floats, level: float) -> Floats:
    """The tilted shares of the points, the mean of which is the bound."""
    total = float(masses.sum())
    mean = float((masses * points).sum()) / total
    spread = float(np.sqrt((masses * (points - mean) ** 2).sum() / total))

    def excess(strength: float) -> float:
        return _tail(points, masses, mean, spread, strength) - level

    strength = 1 / (np.sqrt(total) * spread)
    for _ in range(_DOUBLINGS):
        if excess(strength) < 0:
            break
        strength *= 2
    return _shares(points, masses, _root(excess, strength))


def _root(excess: Callable[[float], float], high: float) -> float:
    low = high / 2
    while excess(low) < 0:
        low /= 2
    return float(brentq(excess, low, high, xtol=1e-13 * high, rtol=1e-13))


def _shares(points: Floats, masses: Floats, strength: float) -> Floats:
    exponents = -strength * (points - points.min())
    grown = masses * np.exp(exponents - exponents.max())
    return np.asarray(grown / grown.sum())


def _tail(points: Floats, masses: Floats, mean: float, spread: float, strength: float) -> float:
    """The probability of a mean as high as the observed one, if rows came from the sample tilted down by this strength."""
    total = float(masses.sum())
    exponents = -strength * (points - mean)
    top = float(exponents.max())
    cumulant = top + float(np.log((masses * np.exp(exponents - top)).sum() / total))
    root = float(np.sqrt(max(2 * total * cumulant, 0.0)))
    slope = strength * float(np.sqrt(total)) * spread
    if root < 1e-6:
        return 0.5
    density = float(np.exp(-root * root / 2) / np.sqrt(2 * np.pi))
    return float(ndtr(-root)) + density * (1 / slope - 1 / root)
