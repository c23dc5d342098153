"""Check calls that rebuild parts of pandas' tables: each may only have the arguments that pandas itself writes.

A third argument of `IntIndex` would make compiled code skip its check of indices.
"""

import math

from modelway_server.runtimes.pickle.array_calls import is_array
from modelway_server.runtimes.pickle.trace import Call, Global, List, Tuple, Value
from modelway_server.runtimes.pickle.values import is_plain, name_of

MISSING = frozenset({"pandas.NA", "pandas._libs.missing.NA"})
_BLOCK = "pandas._libs.internals._unpickle_block"
_LARGEST = 2**31 - 1
_MAX_ALIAS = 40


def is_block(items: list[Value], _: Call) -> bool:
    """`_unpickle_block`: an array, the numbers of its columns as a slice or an array, and its dimensions."""
    if len(items) != 3 or items[2] not in {1, 2} or isinstance(items[2], bool):
        return False
    values, places, _ = items
    sliced = isinstance(places, Call) and name_of(places.function) == "builtins.slice"
    return (is_array(values) or _is_of_pandas(values)) and (sliced or is_array(places))


def is_manager(items: list[Value], _: Call) -> bool:
    """`BlockManager`: its blocks and its two axes."""
    if len(items) != 2 or not all(isinstance(each, Tuple | List) for each in items):
        return False
    blocks, axes = items[0].items, items[1].items
    all_blocks = all(isinstance(block, Call) and name_of(block.function) == _BLOCK for block in blocks)
    return all_blocks and len(axes) == 2 and all(_is_of_pandas(axis) for axis in axes)


def is_sparse_index(items: list[Value], _: Call) -> bool:
    """`IntIndex`: a length, and the places of stored values, which it checks itself."""
    return len(items) == 2 and type(items[0]) is int and 0 <= items[0] <= _LARGEST and is_array(items[1])


def is_period_type(items: list[Value], _: Call) -> bool:
    """`PeriodDtype`: a frequency."""
    if len(items) != 1:
        return False
    return _is_alias(items[0]) or _is_of_pandas(items[0])


def is_string_type(items: list[Value], _: Call) -> bool:
    """`StringDtype`: where it keeps text, and the value for a missing one."""
    stored = not items or items[0] is None or _is_alias(items[0])
    return stored and len(items) <= 2 and all(_is_missing(item) for item in items[1:])


def is_offset(items: list[Value], call: Call) -> bool:
    """`DateOffset`: a count, and whether it goes to midnight; the rest is its state."""
    kinds = [type(item) for item in items]
    return kinds in ([], [int], [int, bool]) and (not call.has_state or is_plain_state(call.state))


def is_plain_state(state: Value) -> bool:
    """Whether a state is made of constants, times and durations."""
    return is_plain(state) or all(is_plain(item) or _is_of_dates(item) for item in getattr(state, "items", [None]))


def _is_of_dates(value: Value) -> bool:
    return isinstance(value, Call) and _class_name(value).startswith(("dateutil.relativedelta.", "datetime."))


def _is_alias(value: Value) -> bool:
    return type(value) is str and len(value) <= _MAX_ALIAS


def _is_missing(value: Value) -> bool:
    nothing = value is None or (type(value) is float and math.isnan(value))
    return nothing or (isinstance(value, Global) and value.full in MISSING)


def _is_of_pandas(value: Value) -> bool:
    return isinstance(value, Call) and _class_name(value).startswith("pandas.")


def _class_name(call: Call) -> str:
    """Return the name of the class that a call makes, also behind the functions of `copyreg`."""
    name = name_of(call.function)
    if name.startswith("copyreg.") and isinstance(call.arguments, Tuple) and call.arguments.items:
        return name_of(call.arguments.items[0])
    return name
