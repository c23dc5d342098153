"""Check calls that rebuild objects of Python's own library: containers, bytes, patterns, numbers."""

import re

from modelway_server.runtimes.pickle.trace import Call, Dict, Global, List, Tuple, Value
from modelway_server.runtimes.pickle.values import is_key, is_plain, name_of, size_of

_FACTORIES = frozenset(
    {
        *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "set", "str", "tuple")),
        "collections.OrderedDict",  # of LightGBM's best scores
    }
)
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_STARTS = "n_jobs"
_WRITE = frozenset({"out", "overwrite_input"})
_MAX_PATTERN = 10_000
_MAX_GROUPS = 100
_MAX_DIGITS = 4000
_NUMBER = re.compile(r"[+-]?(?:[\d._/]*(?:[eE][+-]?\d{1,4})?|[a-zA-Z]{3,8}\d*)")


def is_encoded(items: list[Value], _: Call) -> bool:
    """Text that Latin-1 turns into bytes."""
    return len(items) == 2 and isinstance(items[0], str) and items[1] in {"latin1", "latin-1"}


def is_bytes(items: list[Value], _: Call) -> bool:
    """Bytes of a text or of other bytes, or none."""
    if len(items) == 2:
        return isinstance(items[0], str) and items[1] in {"latin1", "latin-1"}
    return not items or (len(items) == 1 and size_of(items[0]) is not None)


def is_set(items: list[Value], _: Call) -> bool:
    """The members of a set, each of which may be a key."""
    return not items or (
        len(items) == 1 and isinstance(items[0], List | Tuple) and all(is_key(item) for item in items[0].items)
    )


def is_deque(items: list[Value], _: Call) -> bool:
    """The items of a deque, and its maximal length."""
    return len(items) <= 2 and all(isinstance(item, Tuple | List | int | None) for item in items)


def is_default_dict(items: list[Value], _: Call) -> bool:
    """The factory of a `defaultdict`, or nothing."""
    return not items or (len(items) == 1 and (items[0] is None or name_of(items[0]) in _FACTORIES))


def is_mapping(items: list[Value], _: Call) -> bool:
    """Keys and values of a mapping."""
    if not items:
        return True
    if len(items) != 1:
        return False
    if isinstance(items[0], Dict):
        return True
    entries = items[0].items if isinstance(items[0], List) else [None]
    return all(
        isinstance(entry, Tuple | List) and len(entry.items) == 2 and is_key(entry.items[0]) for entry in entries
    )


def is_partial(items: list[Value], call: Call) -> bool:
    """A listed function, with arguments that let it only compute."""
    state = call.state.items if isinstance(call.state, Tuple) else []
    if len(items) != 1 or not isinstance(items[0], Global) or len(state) != 4 or state[0] is not items[0]:
        return False
    is_well_formed = (
        isinstance(state[1], Tuple) and isinstance(state[2], Dict | None) and isinstance(state[3], Dict | None)
    )
    return is_well_formed and not acting_keyword(state[2]) and (state[3] is None or not state[3].items)


def acting_keyword(keywords: Dict | None) -> str:
    """Return a keyword that makes a listed function start processes or write into an array; empty if there is none."""
    for key, value in keywords.pairs() if keywords is not None else ():
        if key in _WRITE or (key == _STARTS and not (value is None or value == 1)):
            return str(key)
    return ""


def is_pattern(items: list[Value], _: Call) -> bool:
    """A regular expression of bounded length, and its flags."""
    if len(items) != 2 or not isinstance(items[0], str | bytes) or type(items[1]) is not int:
        return False
    groups = items[0].count("(") if isinstance(items[0], str) else items[0].count(b"(")
    return len(items[0]) <= _MAX_PATTERN and groups <= _MAX_GROUPS


def is_number(items: list[Value], _: Call) -> bool:
    """Numbers of bounded length: a fraction of "1e999999999" would take as many digits of memory."""
    return all(
        type(item) is int or (type(item) is str and len(item) <= _MAX_DIGITS and bool(_NUMBER.fullmatch(item)))
        for item in items
    )


def is_zone(items: list[Value], _: Call) -> bool:
    """The name of a time zone, which is no path."""
    return (
        1 <= len(items) <= 2 and isinstance(items[0], str) and bool(_ZONE.fullmatch(items[0])) and is_plain(items[-1])
    )
