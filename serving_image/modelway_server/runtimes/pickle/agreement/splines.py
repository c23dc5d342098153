"""Check that splines and grids of SciPy agree with themselves, because compiled code derives the coefficients from the knots.

Source: scipy/interpolate/_bsplines.py, _ndbspline.py, _rgi.py and _fitpack2.py, whose constructors alone check them.
"""

from math import prod
from typing import Any

import numpy as np

from modelway_server.runtimes.file_checks.clauses import State, hold

_MAX_DEGREE = 5
"""The highest degree of FITPACK's splines."""


def spline(state: State) -> None:
    """`BSpline`: as many coefficients as the knots need."""
    knots, coefficients, degree = state.get("_t", state.get("t")), state.get("_c", state.get("c")), state["k"]
    _knots(knots, degree)
    hold(len(coefficients) >= len(knots) - degree - 1, "there are too few coefficients")


def fitted_spline(state: State) -> None:
    """`UnivariateSpline` and its like: the knots, the coefficients and the degree that FITPACK found."""
    knots, coefficients, degree = state["_eval_args"]
    _knots(knots, degree)
    hold(degree <= _MAX_DEGREE, "the degree is too high")
    hold(np.ndim(coefficients) == 1 and len(coefficients) >= len(knots) - degree - 1, "there are too few coefficients")


def surface(state: State) -> None:
    """`BivariateSpline`: the same for two sides."""
    (*sides, coefficients), degrees = state["tck"], state["degrees"]
    hold(len(sides) == len(degrees) == 2, "it has not two sides")
    for knots, degree in zip(sides, degrees, strict=True):
        _knots(knots, degree)
        hold(degree <= _MAX_DEGREE, "the degree is too high")
    needed = prod(len(knots) - degree - 1 for knots, degree in zip(sides, degrees, strict=True))
    hold(np.ndim(coefficients) == 1 and len(coefficients) >= needed, "there are too few coefficients")


def spline_of_several(state: State) -> None:
    """`NdBSpline`: the knots of each side, in one table, and the combinations of their degrees."""
    degrees, table, lengths = (np.asarray(state[key]) for key in ("_k", "_t", "_len_t"))
    coefficients, combinations = np.asarray(state["_c"]), np.asarray(state["_indices_k1d"])
    sides = len(table)
    hold(table.ndim == 2 and degrees.shape == lengths.shape == (sides,) and sides > 0, "its sides differ in number")
    hold(lengths.min() > 0 and lengths.max() <= table.shape[1], "a side has more knots than there are")
    for knots, length, degree in zip(table, lengths, degrees, strict=True):
        _knots(knots[:length], int(degree))
    is_numeric = coefficients.dtype in {np.dtype(np.float64), np.dtype(np.complex128)} and coefficients.ndim >= sides
    hold(
        is_numeric and coefficients.shape[:sides] == tuple(lengths - degrees - 1),
        "the coefficients are of another shape",
    )
    shape = tuple(int(degree) + 1 for degree in degrees)
    hold(combinations.shape == (prod(shape), sides), "_indices_k1d is of another shape")
    hold(
        np.array_equal(combinations.T, np.unravel_index(np.arange(prod(shape)), shape)), "_indices_k1d leads out of it"
    )


def grid(state: State) -> None:
    """`RegularGridInterpolator`: places in ascending order, and a value for each."""
    sides, values = state.get("_grid", state.get("grid")), state.get("_values", state.get("values"))
    for side in map(np.asarray, sides or ()):
        goes_on = side.ndim == 1 and np.isfinite(side).all() and (np.diff(side) > 0).all()
        hold(goes_on, "the grid goes back")
    hold(np.shape(values)[: len(sides or ())] == tuple(map(len, sides or ())), "the values are not those of the grid")


def _knots(knots: Any, degree: Any) -> None:
    hold(isinstance(degree, int | np.integer) and degree >= 0, "the degree is none")
    hold(np.ndim(knots) == 1 and len(knots) >= 2 * degree + 2, "there are too few knots")
    hold(np.isfinite(knots).all() and (np.diff(knots) >= 0).all(), "the knots go back")
