"""What a file says, as inert values: which names it holds, what it would call, which state it would set.

A value is either a constant (None, bool, int, float, str, bytes or bytearray, as they are) or a `Node`. Nodes are
compared by identity: two references to one node become two references to one object.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

Value: TypeAlias = Any
"""A constant as it is, or a `Node`."""


class Node:
    """Something that is made once, and may be named by several others.

    Attributes:
        at: byte of the unpacked file where it is made, or -1 where the format has no bytes to tell.
        value: what pass 2 made of it; unset before.
    """

    __slots__ = ("at", "value")
    at: int
    value: Any

    def children(self) -> Iterator[tuple[str, Value]]:
        """The values inside, each with how a path names it (`[1]`, `.func`)."""
        return iter(())


class Global(Node):
    """A name of a module: a class or a function."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str, at: int = -1) -> None:
        self.module, self.name, self.at = module, name, at

    @property
    def full(self) -> str:
        """`module.name`."""
        return f"{self.module}.{self.name}"


class Items(Node):
    """A tuple, list, set or frozenset: what it holds, in order."""

    __slots__ = ("items",)

    def __init__(self, items: list[Value], at: int = -1) -> None:
        self.items, self.at = items, at

    def children(self) -> Iterator[tuple[str, Value]]:
        """Each item with its index."""
        return ((f"[{index}]", item) for index, item in enumerate(self.items) if isinstance(item, Node))


class Tuple(Items):
    """A tuple."""

    __slots__ = ()


class List(Items):
    """A list; `items` are those of the whole file, also the ones that later steps add."""

    __slots__ = ()


class Set(Items):
    """A set; as with lists, `items` are all."""

    __slots__ = ()


class FrozenSet(Items):
    """A frozenset."""

    __slots__ = ()


class Dict(Node):
    """A dictionary: keys and values in turn, of the whole file, so that a key may come twice."""

    __slots__ = ("items",)

    def __init__(self, items: list[Value], at: int = -1) -> None:
        self.items, self.at = items, at

    def pairs(self) -> Iterator[tuple[Value, Value]]:
        """Each key with its value."""
        return zip(self.items[::2], self.items[1::2], strict=True)

    def children(self) -> Iterator[tuple[str, Value]]:
        """Keys and values that are nodes."""
        for key, value in self.pairs():
            if isinstance(key, Node):
                yield ".key", key
            if isinstance(value, Node):
                yield f"[{key!r:.60}]" if isinstance(key, str | int) else "[...]", value


class Call(Node):
    """A call of a function, or the making of an instance of a class.

    Attributes:
        function: what is called; an honest file has a `Global` here.
        arguments: a `Tuple` in an honest file.
        keywords: a `Dict`, or None.
        new: the file asks for `cls.__new__(cls, ...)`, not for a call.
        state: what a later step sets on the result, or None; `has_state` tells None from nothing.
        has_state: whether some later step sets a state.
        items: what later steps append to the result, or set in it (keys and values in turn).
    """

    __slots__ = ("arguments", "function", "has_state", "items", "keywords", "new", "state")

    def __init__(
        self, function: Value, arguments: Value, keywords: Value = None, *, new: bool = False, at: int = -1
    ) -> None:
        self.function, self.arguments, self.keywords, self.new, self.at = function, arguments, keywords, new, at
        self.state: Value = None
        self.has_state = False
        self.items: list[Value] | None = None

    def children(self) -> Iterator[tuple[str, Value]]:
        """The state's entries as attributes; then function, arguments, keywords and items."""
        if isinstance(self.state, Dict):
            for key, value in self.state.pairs():
                if isinstance(value, Node):
                    yield f".{key:.60}" if isinstance(key, str) else ".?", value
        elif isinstance(self.state, Node):
            yield ".state", self.state
        for name, value in (("", self.function), ("(...)", self.arguments), ("(**)", self.keywords)):
            if isinstance(value, Node):
                yield name, value
        for item in self.items or ():
            if isinstance(item, Node):
                yield "[...]", item


class Array(Node):
    """An array whose bytes the file holds outside of the pickle, as joblib's do.

    Attributes:
        dtype: without objects.
        shape: its shape.
        order: `C` or `F`.
        data: exactly its bytes.
    """

    __slots__ = ("data", "dtype", "order", "shape")

    def __init__(
        self, dtype: np.dtype[Any], shape: tuple[int, ...], order: str, data: memoryview, at: int = -1
    ) -> None:
        self.dtype, self.shape, self.order, self.data, self.at = dtype, shape, order, data, at


class Way(Enum):
    """How items come into what exists already."""

    APPEND = "append"
    SET = "set"
    ADD = "add"


@dataclass(slots=True)
class Extend:
    """A step: items `start` to `stop` of the target come into it."""

    target: Node
    way: Way
    start: int
    stop: int
    at: int = -1


@dataclass(slots=True)
class Build:
    """A step: the target gets a state. There is one at most for a target."""

    target: Call
    state: Value
    at: int = -1


Step: TypeAlias = Node | Extend | Build


@dataclass(slots=True)
class Trace:
    """A whole file.

    Attributes:
        root: what the file holds.
        steps: in the order of the file: a node is made, items come into one, or one gets its state.
    """

    root: Value = None
    steps: list[Step] = field(default_factory=list)
