"""Check the arguments and the state of each reconstructing function: they must be those that its library writes."""

from collections.abc import Callable
from typing import TypeAlias

from modelway_server.runtimes.pickle.array_calls import (
    is_from_buffer,
    is_masked,
    is_reconstructed,
    is_scalar,
    shape_of_array,
)
from modelway_server.runtimes.pickle.dtypes import dtype_of
from modelway_server.runtimes.pickle.pandas_calls import (
    is_block,
    is_manager,
    is_offset,
    is_period_type,
    is_sparse_index,
    is_string_type,
)
from modelway_server.runtimes.pickle.python_calls import (
    is_bytes,
    is_default_dict,
    is_deque,
    is_encoded,
    is_mapping,
    is_number,
    is_partial,
    is_pattern,
    is_set,
    is_zone,
)
from modelway_server.runtimes.pickle.trace import Call, Dict, Global, List, Tuple, Value
from modelway_server.runtimes.pickle.values import (
    is_plain,
    name_of,
)
from modelway_server.runtimes.pickle.walk import arguments

Check: TypeAlias = Callable[[list[Value], Call], bool]

_BASES = {"builtins.object": type(None), "builtins.dict": Dict, "builtins.list": List, "builtins.tuple": Tuple}
_GENERATOR = "numpy.random._pickle.__bit_generator_ctor"
_TREES = ("sklearn.neighbors.BallTree", "sklearn.neighbors.KDTree", "sklearn.metrics.DistanceMetric")
_ZONE_FILE = "dateutil/"
"""The prefix of time zones for which pandas opens a file, at any path."""


def _dtype(_: list[Value], call: Call) -> bool:
    return dtype_of(call) is not None


def _plain(items: list[Value], _: Call) -> bool:
    return all(is_plain(item) and not (isinstance(item, str) and _ZONE_FILE in item) for item in items)


def _cython(items: list[Value], call: Call) -> bool:
    """A class of the package that rebuilds it, a checksum and a state."""
    if len(items) != 3 or type(items[1]) is not int or not isinstance(items[2], Tuple | None):
        return False
    return _is_of(items[0], name_of(call.function).partition("._")[0] + ".")


def _is_of(value: Value, *packages: str) -> bool:
    """Whether a value names something in a package. A class of another package would be made with values of the file."""
    return isinstance(value, Global) and value.full.startswith(packages)


def _new_by_name(items: list[Value], call: Call) -> bool:
    return (
        len(items) == 1 and call.has_state and _is_of(items[0], name_of(call.function).removesuffix("newObj"), *_TREES)
    )


def _index(items: list[Value], _: Call) -> bool:
    if len(items) != 2 or not _is_of(items[0], "pandas.") or not items[0].name.endswith("Index"):
        return False
    return isinstance(items[1], Dict) and all(
        isinstance(key, str) and not key.startswith("_") and not (isinstance(value, str) and _ZONE_FILE in value)
        for key, value in items[1].pairs()
    )


def _bit_generator(items: list[Value], _: Call) -> bool:
    return len(items) <= 1 and all(isinstance(item, str) or _is_of(item, "numpy.random.") for item in items)


def _generator(items: list[Value], _: Call) -> bool:
    """A bit generator or its name, and the function of NumPy that makes it."""
    first, *others = items or [""]
    known = isinstance(first, str) or (isinstance(first, Call) and name_of(first.function) == _GENERATOR)
    return known and len(others) <= 1 and all(name_of(other) == _GENERATOR for other in others)


def _tree(items: list[Value], call: Call) -> bool:
    return (
        len(items) == 3
        and type(items[0]) is int
        and type(items[2]) is int
        and items[0] >= 0 < items[2]
        and shape_of_array(items[1]) == (items[2],)
        and call.has_state
    )


def _instance(items: list[Value], _: Call) -> bool:
    """`copyreg._reconstructor`: a class, a base of it, and the contents of the base."""
    if len(items) != 3 or not isinstance(items[0], Global) or not isinstance(items[1], Global):
        return False
    made_of = _BASES.get(items[1].full)
    if made_of is Tuple:
        return isinstance(items[2], Tuple) and len(items[2].items) == NAMED_TUPLES.get(items[0].full)
    return made_of is not None and isinstance(items[2], made_of)


def _instance_of(items: list[Value], _: Call) -> bool:
    """`copyreg.__newobj__`: a class alone."""
    return len(items) == 1 and isinstance(items[0], Global)


def _nothing(items: list[Value], _: Call) -> bool:
    return not items


CHECKS: dict[str, Check] = {
    "_codecs.encode": is_encoded,
    "builtins.bytearray": is_bytes,
    "builtins.bytes": is_bytes,
    "builtins.frozenset": is_set,
    "builtins.set": is_set,
    "collections.Counter": is_mapping,
    "collections.OrderedDict": is_mapping,
    "collections.defaultdict": is_default_dict,
    "collections.deque": is_deque,
    "copyreg._reconstructor": _instance,
    "copyreg.__newobj__": _instance_of,
    "decimal.Decimal": is_number,
    "fractions.Fraction": is_number,
    "functools.partial": is_partial,
    "operator.itemgetter": _plain,
    "numpy._core._internal._convert_to_stringdtype_kwargs": _plain,
    "numpy._core.multiarray._reconstruct": is_reconstructed,
    "numpy._core.multiarray.scalar": is_scalar,
    "numpy._core.numeric._frombuffer": is_from_buffer,
    "numpy.core.multiarray._reconstruct": is_reconstructed,
    "numpy.core.multiarray.scalar": is_scalar,
    "numpy.core.numeric._frombuffer": is_from_buffer,
    "numpy.dtype": _dtype,
    "numpy.ma.core._mareconstruct": is_masked,
    _GENERATOR: _bit_generator,
    "numpy.random._pickle.__generator_ctor": _generator,
    "numpy.random._pickle.__randomstate_ctor": _generator,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas.core.indexes.datetimes._new_DatetimeIndex": _index,
    "pandas.core.indexes.interval._new_IntervalIndex": _index,
    "pandas.core.indexes.period._new_PeriodIndex": _index,
    "pandas.core.indexes.timedeltas._new_TimedeltaIndex": _index,
    "pandas._libs.internals._unpickle_block": is_block,
    "pandas._libs.sparse.IntIndex": is_sparse_index,
    "pandas.core.internals.managers.BlockManager": is_manager,
    "pandas.PeriodDtype": is_period_type,
    "pandas.core.dtypes.dtypes.PeriodDtype": is_period_type,
    "pandas.StringDtype": is_string_type,
    "pandas.core.arrays.string_.StringDtype": is_string_type,
    "pandas.DateOffset": is_offset,
    "pytz._p": _plain,
    "re._compile": is_pattern,
    "sklearn.metrics._dist_metrics.newObj": _new_by_name,
    "sklearn.neighbors._ball_tree.newObj": _new_by_name,
    "sklearn.neighbors._kd_tree.newObj": _new_by_name,
    "sklearn.tree._tree.Tree": _tree,
    "types.SimpleNamespace": _nothing,
    "zoneinfo.ZoneInfo": is_zone,
    "zoneinfo.ZoneInfo._unpickle": is_zone,
}
"""Checks by the full name of the callee."""
MAKES_INSTANCE = frozenset({"copyreg._reconstructor", "copyreg.__newobj__"})
"""Functions that make an instance of their first argument without calling it."""
STATEFUL = frozenset(
    {
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray._reconstruct",
        "numpy.dtype",
        "numpy.ma.core._mareconstruct",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "functools.partial",
        "pandas.DateOffset",
        "pandas.core.internals.managers.BlockManager",
        "sklearn.metrics._dist_metrics.newObj",
        "sklearn.neighbors._ball_tree.newObj",
        "sklearn.neighbors._kd_tree.newObj",
        "sklearn.tree._tree.Tree",
        "types.SimpleNamespace",
        "collections.OrderedDict",
        "collections.Counter",
        "collections.defaultdict",
        "collections.deque",
    }
)
"""Functions whose result may get a state."""
NAMED_TUPLES = {"sklearn.impute._iterative._ImputerTriplet": 3, "sklearn.gaussian_process.kernels.Hyperparameter": 5}
"""Named tuples, and their number of items."""
_CYTHON = "__pyx_unpickle_"


def check_of(name: str) -> Check:
    """Return the check of a listed function. Functions without a check of their own take constants alone."""
    if name.rpartition(".")[2].startswith(_CYTHON):
        return _cython
    return CHECKS.get(name, _plain)


def takes_state(name: str) -> bool:
    """Whether the result of a listed function may get a state."""
    last = name.rpartition(".")[2]
    return name in STATEFUL or last.startswith(_CYTHON) or "offsets." in name


def makes_instance(name: str) -> bool:
    """Whether a function makes an instance of its first argument."""
    last = name.rpartition(".")[2]
    return name in MAKES_INSTANCE or last == "newObj" or last.startswith(_CYTHON)


def is_well_called(call: Call, name: str) -> bool:
    """Whether a call of a listed function has the arguments and the state that its library writes."""
    return call.keywords is None and check_of(name)(arguments(call), call)
