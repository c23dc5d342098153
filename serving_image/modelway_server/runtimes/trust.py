"""Which names a pickle may use: what trained models are made of, and what the user adds to it.

A pickle is a program that looks up names and calls them. The ones allowed here rebuild arrays, estimators and tables;
no function among them runs a command, opens a file to write, imports by name or hands out an attribute by name: with
`__globals__` of any function a file would have `eval`. An allow-list of callables whose arguments the file chooses is a
strong filter and no sandbox: what is loaded here is loaded in a pod that holds no credentials.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any

VARIABLE = "MODELWAY_TRUSTED_TYPES"
"""What an image trusts beside the list below: names as in `model.trustedTypes`, with commas between them."""

_EXACT = frozenset(
    {
        *(
            f"builtins.{name}"
            for name in ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int")
        ),
        *(f"builtins.{name}" for name in ("list", "object", "range", "set", "slice", "str", "tuple", "NoneType")),
        *(f"builtins.{name}" for name in ("abs", "len", "max", "min", "round", "sorted", "sum")),
        *(f"collections.{name}" for name in ("Counter", "OrderedDict", "defaultdict", "deque")),
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
        "_codecs.encode",
        "_operator.itemgetter",
        "operator.itemgetter",
        "copyreg.__newobj__",
        "copyreg._reconstructor",
        "decimal.Decimal",
        "fractions.Fraction",
        "functools.partial",
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "re._compile",
        "types.SimpleNamespace",
        "uuid.UUID",
        "zoneinfo.ZoneInfo._unpickle",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy._core.numeric._frombuffer",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy.core.numeric._frombuffer",
        "numpy.ma.core._mareconstruct",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked",
        "pandas._libs.internals._unpickle_block",
        "pandas._libs.tslibs.timedeltas._timedelta_unpickle",
        "pandas._libs.tslibs.timestamps._unpickle_timestamp",
        "pandas.core.indexes.base._new_Index",
        "pandas.core.indexes.datetimes._new_DatetimeIndex",
        "pandas.core.indexes.period._new_PeriodIndex",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.metrics._scorer._passthrough_scorer",
        "xgboost.core.Booster",
        "lightgbm.basic.Booster",
    }
)
_NUMPY_FUNCTIONS = frozenset(
    [
        "abs",
        "all",
        "amax",
        "amin",
        "any",
        "angle",
        "argmax",
        "argmin",
        "argsort",
        "around",
        "asarray",
        "atleast_1d",
        "atleast_2d",
        "average",
        "clip",
        "column_stack",
        "concatenate",
        "cumprod",
        "cumsum",
        "diff",
        "expand_dims",
        "hstack",
        "imag",
        "isclose",
        "isin",
        "max",
        "mean",
        "median",
        "min",
        "nan_to_num",
        "nanmax",
        "nanmean",
        "nanmedian",
        "nanmin",
        "nanpercentile",
        "nanquantile",
        "nanstd",
        "nansum",
        "nanvar",
        "ones",
        "percentile",
        "prod",
        "ptp",
        "quantile",
        "ravel",
        "real",
        "reshape",
        "round",
        "sort",
        "squeeze",
        "stack",
        "std",
        "sum",
        "transpose",
        "unique",
        "var",
        "vstack",
        "where",
        "zeros",
    ]
)
"""What people hand to a FunctionTransformer: arrays in, arrays out."""
_CLASSES = (
    "numpy.dtypes.",
    "numpy.ma.",
    "numpy.polynomial.",
    "numpy.random.",
    "pandas._libs.tslibs.",
    "pandas.core.arrays.",
    "pandas.core.dtypes.",
    "pandas.core.indexes.",
    "pandas.core.internals.",
    "scipy.interpolate.",
    "scipy.sparse.",
    "scipy.spatial.",
    "sklearn.",
    "xgboost.sklearn.",
    "lightgbm.sklearn.",
)
"""Where any class may be named."""
_OTHER_CLASSES = frozenset(
    {
        "numpy.ndarray",
        "numpy.dtype",
        "numpy.matrix",
        "numpy.poly1d",
        "numpy.rec.recarray",
        "numpy.rec.record",
        "pandas.core.frame.DataFrame",
        "pandas.core.series.Series",
        "scipy.optimize._optimize.OptimizeResult",
    }
)
_FUNCTIONS = (
    "sklearn.cluster.",
    "sklearn.decomposition.",
    "sklearn.feature_extraction.",
    "sklearn.feature_selection.",
    "sklearn.gaussian_process.",
    "sklearn.impute.",
    "sklearn.linear_model.",
    "sklearn.metrics.",
    "sklearn.neighbors.",
    "sklearn.preprocessing.",
    "sklearn.utils.extmath.",
    "sklearn.utils.validation.",
)
"""Where any public function may be named: they compute on arrays. Some private ones read attributes by name."""
_NEVER = (
    "numpy.ctypeslib.",
    "numpy.distutils.",
    "numpy.f2py.",
    "numpy.testing.",
    "pandas.core.computation.",
    "pandas.io.",
    "pandas.plotting.",
    "scipy.datasets.",
    "scipy.io.",
    "sklearn.datasets.",
    "sklearn.externals.",
    "sklearn.utils._mocking.",
    "sklearn.utils._testing.",
    "sklearn.utils.discovery.",
    "sklearn.utils.parallel.",
)
"""Parts of the packages above that read and write files, import by name, or run what they are given."""
_REBUILDERS = ("__pyx_unpickle_", "newObj")
"""How Cython's classes are rebuilt."""
_PACKAGES = frozenset({"numpy", "pandas", "scipy", "sklearn"})
"""Packages of which more is allowed than what is listed by name."""
_FUNCTION_KINDS = (FunctionType, BuiltinFunctionType)


@dataclass(frozen=True)
class Trust:
    """What a file may name.

    Attributes:
        extra: names that the user or the image adds: `package.module.Name`, or `package.*` for all below it.
    """

    extra: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Whether a name is among the added ones."""
        return any(
            name.startswith(entry[:-1]) if entry.endswith(".*") and len(entry) > 2 else name == entry
            for entry in self.extra
        )

    def may_import(self, module: str, name: str) -> bool:
        """Whether the module may be imported to look the name up."""
        full = f"{module}.{name}"
        if full in _EXACT or self.covers(full):
            return True
        package = module.partition(".")[0]
        return (package in {"builtins", *_PACKAGES} or full.startswith(_CLASSES)) and not full.startswith(_NEVER)

    def allows(self, module: str, name: str, found: Any) -> bool:
        """Whether what was found under the name may be used: by the name that it goes by, and by its own.

        Its own name counts, since any module also holds what it has imported (`mine.os.system`); not so where the user
        has written down the very name.
        """
        return f"{module}.{name}" in self.extra or all(
            self._allows_name(home, own, found) for home, own in _names(module, name, found)
        )

    def _allows_name(self, module: str, name: str, found: Any) -> bool:
        full = f"{module}.{name}"
        if full in _EXACT or self.covers(full):
            return True
        if full.startswith(_NEVER):
            return False
        package = full.partition(".")[0]
        if isinstance(found, type):
            harmless = _is_numpy_type(package, found) or (package == "builtins" and issubclass(found, Exception))
            return harmless or full in _OTHER_CLASSES or full.startswith(_CLASSES)
        if package not in _PACKAGES or "." in name:  # what hangs on a function leads to all that its module knows
            return False
        return (
            name.startswith(_REBUILDERS)
            or type(found).__name__ == "ufunc"
            or (package == "numpy" and name in _NUMPY_FUNCTIONS)
            or (full.startswith(_FUNCTIONS) and isinstance(found, _FUNCTION_KINDS) and not name.startswith("_"))
        )


def trust(setting: Iterable[str], environ: Mapping[str, str] = os.environ) -> Trust:
    """What the user (`model.trustedTypes`) and the image (MODELWAY_TRUSTED_TYPES) trust."""
    image = (entry.strip() for entry in environ.get(VARIABLE, "").split(","))
    return Trust(tuple(dict.fromkeys(entry for entry in (*setting, *image) if entry)))


def _names(module: str, name: str, found: Any) -> set[tuple[str, str]]:
    """The name that was asked for, and the one that the thing itself bears where it bears one."""
    home, own = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    names = {(module, name)}
    if isinstance(home, str) and isinstance(own, str):
        names.add((home, own))
    return names


def _is_numpy_type(package: str, found: type) -> bool:
    """Scalar and dtype classes, under whichever of numpy's modules they are named."""
    if package != "numpy":
        return False
    import numpy as np  # noqa: PLC0415  (only where a pickle is read)

    return issubclass(found, np.generic | np.dtype) or found in {np.ndarray, np.matrix, np.poly1d, np.recarray}
