"""What fitted estimators hold beside estimators: values of Python, NumPy, SciPy and pandas, one of each kind.

What a version lacks is passed over: the module runs under every version that is supported.
"""

import builtins
import collections
import datetime as dt
import decimal
import fractions
import functools
import operator
import re
import types
import uuid
import warnings
import zoneinfo
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy.interpolate
import scipy.optimize
import scipy.sparse
import scipy.spatial

DAY = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)
POINTS = np.linspace(0, 1, 12)
GRID = np.random.default_rng(0).uniform(size=(12, 2))
Maker = Callable[[], Any]


def values() -> Iterator[Any]:
    """One of each kind."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from _python()
        for make in (*_numpy(), *_scipy(), *_pandas()):
            try:
                yield make()
            except (AttributeError, TypeError, ValueError, ImportError):
                continue


def _python() -> Iterator[Any]:
    yield from (1j, b"a", bytearray(b"a"), {1}, frozenset({1}), range(3), slice(1, 2), object(), [type(None)], Ellipsis)
    yield from (
        bytes,
        bytearray,
        bool,
        int,
        float,
        complex,
        str,
        tuple,
        list,
        dict,
        set,
        frozenset,
        range,
        slice,
        object,
    )
    yield from (collections.Counter("ab"), collections.OrderedDict(a=1), collections.defaultdict(int))
    yield from (collections.deque([1]), DAY.date(), DAY, DAY.time(), DAY - DAY)
    yield from (dt.UTC, dt.timezone(dt.timedelta(hours=1)))
    yield from (decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=1), zoneinfo.ZoneInfo("UTC"))
    yield from (re.compile("a"), types.SimpleNamespace(a=1), operator.itemgetter(1), functools.partial(len))
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, Exception) and not kind.__name__.startswith("_"):
            try:
                yield kind("a")
            except TypeError:  # those of groups and of text encodings take more
                yield kind


def _numpy() -> Iterator[Maker]:
    for code in "?bBhHiIlLqQefdgFDGSUVO":
        yield partial(lambda code: np.zeros(2, code), code)
        yield partial(lambda code: np.ones(1, code)[0], code)
        yield partial(np.dtype, code)
        yield partial(lambda code: type(np.dtype(code)), code)
        yield partial(lambda code: np.dtype(code).type, code)
    for kind in np.sctypeDict.values():
        yield partial(lambda kind: kind, kind)
    for unit in ("D", "s", "ns"):
        yield partial(lambda unit: np.array(["2024-01-31"], f"M8[{unit}]"), unit)
        yield partial(lambda unit: np.zeros(2, f"m8[{unit}]"), unit)
        yield partial(lambda unit: np.zeros(2, f"m8[{unit}]")[0], unit)
        yield partial(lambda unit: np.array(["2024-01-31"], f"M8[{unit}]")[0], unit)
    yield lambda: np.zeros(2, [("a", "f8"), ("b", "i4", 2)])
    yield lambda: np.zeros(2, [("a", "f8"), ("b", "i4", 2)])[0]
    yield lambda: np.asfortranarray(np.zeros((2, 2)))
    yield lambda: np.zeros((4, 4))[::2, ::2]
    yield lambda: np.array(["a"], np.dtypes.StringDType())
    yield lambda: np.dtypes.StringDType(na_object=np.nan)
    yield lambda: np.matrix([[1]])
    yield lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    yield lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])[0]
    yield lambda: np.ma.masked_array([1, 2], [False, True])
    yield lambda: np.ma.masked
    yield lambda: np.ma.masked_array(np.zeros(2, [("a", "f8")]))
    yield lambda: np.ma.masked_array(np.zeros(2, [("a", "f8")]), mask=np.array([(1,), (0,)], [("a", "?")]))[0]
    yield lambda: np.poly1d([1, 2])
    for name in ("Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre"):
        yield partial(lambda name: getattr(np.polynomial, name)([1, 2]), name)
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        yield partial(lambda name: np.random.Generator(getattr(np.random, name)(0)), name)
        yield partial(lambda name: np.random.RandomState(getattr(np.random, name)(0)), name)
        yield partial(lambda name: getattr(np.random, name)(0), name)
    yield lambda: np.random.SeedSequence(0)
    yield lambda: np.random.RandomState(0)


def _scipy() -> Iterator[Maker]:
    for layout in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia"):
        for suffix in ("matrix", "array"):
            yield partial(lambda name: getattr(scipy.sparse, name)(np.eye(3)), f"{layout}_{suffix}")
    spline = scipy.interpolate
    for name in ("CubicSpline", "PchipInterpolator", "Akima1DInterpolator", "BarycentricInterpolator"):
        yield partial(lambda name: getattr(spline, name)(POINTS, POINTS**2), name)
    yield lambda: spline.KroghInterpolator(POINTS[:4], POINTS[:4])
    yield lambda: spline.make_interp_spline(POINTS, POINTS**2)
    yield lambda: spline.UnivariateSpline(POINTS, POINTS**2)
    yield lambda: spline.InterpolatedUnivariateSpline(POINTS, POINTS**2)
    yield lambda: spline.LSQUnivariateSpline(POINTS, POINTS**2, [0.5])
    yield lambda: spline.PPoly(np.ones((2, 3)), POINTS[:4])
    yield lambda: spline.BPoly(np.ones((2, 3)), POINTS[:4])
    yield lambda: spline.NdPPoly(np.ones((2, 3)), (POINTS[:4],))
    yield lambda: spline.NdBSpline((np.arange(8.0),), np.ones(4), 3)
    yield lambda: spline.CubicHermiteSpline(POINTS, POINTS, POINTS)
    for kind in ("linear", "nearest", "previous", "next", "zero", "slinear", "quadratic", "cubic"):
        yield partial(lambda kind: spline.interp1d(POINTS, POINTS**2, kind=kind), kind)
        yield partial(lambda kind: spline.interp1d(POINTS, POINTS**2, kind=kind, fill_value="extrapolate"), kind)
    for kind in ("linear", "nearest", "slinear", "cubic", "pchip"):
        yield partial(
            lambda kind: spline.RegularGridInterpolator((POINTS, POINTS), np.ones((12, 12)), method=kind), kind
        )
    yield lambda: spline.NearestNDInterpolator(GRID, POINTS)
    yield lambda: spline.RBFInterpolator(GRID, POINTS)
    yield lambda: spline.RectBivariateSpline(POINTS, POINTS, np.ones((12, 12)))
    yield lambda: spline.SmoothBivariateSpline(*np.random.default_rng(0).uniform(size=(3, 40)))
    yield lambda: scipy.spatial.cKDTree(GRID)
    yield lambda: scipy.spatial.KDTree(GRID)
    yield lambda: scipy.optimize.OptimizeResult(x=1)


def _pandas() -> Iterator[Maker]:
    for array in _pandas_arrays():
        yield array
        yield partial(lambda array: pd.Series(array(), name="a"), array)
        yield partial(lambda array: pd.DataFrame({"a": array(), "b": array()}), array)
        yield partial(lambda array: pd.Index(array()), array)
        yield partial(lambda array: pd.Series(array()).dtype, array)
        yield partial(lambda array: pd.Series([1] * len(array()), index=pd.Index(array())), array)
        yield partial(lambda array: pd.Series(array()).iloc[0], array)
        yield partial(lambda array: pd.Series(array()).astype("category"), array)
    yield lambda: pd.DataFrame({"a": [1.0], "b": ["x"], "c": [1], "d": [True], "e": pd.Categorical(["x"])})
    yield lambda: pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["x", "y"])
    yield lambda: pd.RangeIndex(3)
    yield lambda: pd.date_range("2024-01-31", periods=3, freq="D")
    yield lambda: pd.Series([1.0, 2.0]).astype(pd.SparseDtype("float"))
    yield lambda: pd.CategoricalDtype(["a", "b"], ordered=True)
    yield lambda: pd.CategoricalIndex(["a", "b"])
    yield lambda: [pd.NA, pd.NaT]
    yield lambda: pd.DataFrame
    yield lambda: pd.Series
    yield from _offsets()


def _pandas_arrays() -> Iterator[Maker]:
    for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64"):
        yield partial(lambda name: pd.array([1, 2], dtype=name), name)
    for name in ("boolean", "string", "string[python]", "str", "Sparse[float]", "Sparse[int]"):
        yield partial(lambda name: pd.array([1, 0] if name != "string" else ["a", "b"], dtype=name), name)
    yield lambda: pd.array(["a", None], dtype="str")
    yield lambda: pd.array(["a", None], dtype=pd.StringDtype("python", na_value=np.nan))
    yield lambda: pd.array(["a", None], dtype=pd.StringDtype("python"))
    yield lambda: np.array(["a", "b"], dtype=object)
    yield lambda: np.array([1.0, 2.0])
    yield lambda: pd.arrays.NumpyExtensionArray(np.array([1.0, 2.0]))
    yield lambda: pd.Categorical(["a", "b"])
    yield lambda: pd.Categorical(["a", "b"], ordered=True)
    yield lambda: pd.Categorical([1, 2])
    yield lambda: pd.interval_range(0, 2).array
    yield lambda: pd.period_range("2024-01", periods=2, freq="M").array
    for zone in (None, "UTC", "Europe/Oslo", dt.UTC, zoneinfo.ZoneInfo("Europe/Oslo")):
        for unit in ("s", "ns"):
            yield partial(
                lambda zone, unit: pd.date_range("2024-01-31", periods=2, tz=zone).as_unit(unit).array, zone, unit
            )
    yield lambda: pd.to_timedelta([1, 2], unit="s").array


def _offsets() -> Iterator[Maker]:
    for alias in (
        "D",
        "h",
        "min",
        "s",
        "ms",
        "us",
        "ns",
        "B",
        "W",
        "ME",
        "MS",
        "BME",
        "BMS",
        "QE",
        "QS",
        "YE",
        "YS",
        "SME",
    ):
        yield partial(pd.tseries.frequencies.to_offset, alias)
        yield partial(lambda alias: pd.date_range("2024-01-31", periods=3, freq=alias), alias)
        yield partial(lambda alias: pd.Period("2024-01-31", freq=alias.removesuffix("E").removesuffix("S")), alias)
    for name in ("SMS", "BQE", "BQS", "BYE", "BYS", "bh", "C"):
        yield partial(pd.tseries.frequencies.to_offset, name)
    yield lambda: pd.DateOffset(months=1)
    yield lambda: pd.offsets.WeekOfMonth(week=1, weekday=2)
