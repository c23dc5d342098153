"""The trace of a file holds as inert values which names the file uses, what it would call, and which states it would set.

A value is a constant (None, bool, int, float, str, bytes or bytearray) or a `Node`. Nodes are compared by identity: two
references to one node become two references to one object.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

Value: TypeAlias = Any
"""A constant as it is, or a `Node`."""


class Node:
    """Something that is made once, and that several others may refer to.

    Attributes:
        at: the byte of the unpacked file that makes it; -1 if the format has no byte positions.
        value: the object that pass 2 builds; unset before.
    """

    __slots__ = ("at", "value")
    at: int
    value: Any

    def children(self) -> Iterator[tuple[str, Value]]:
        """Yield the nodes inside, each with its label in a path (`[1]`, `.func`)."""
        return iter(())


class Global(Node):
    """A name in a module: a class or a function."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str, at: int = -1) -> None:
        self.module, self.name, self.at = module, name, at

    @property
    def full(self) -> str:
        """`module.name`."""
        return f"{self.module}.{self.name}"


class Items(Node):
    """A tuple, list, set or frozenset, with its items in order."""

    __slots__ = ("items",)

    def __init__(self, items: list[Value], at: int = -1) -> None:
        self.items, self.at = items, at

    def children(self) -> Iterator[tuple[str, Value]]:
        """Yield each item with its index."""
        return ((f"[{index}]", item) for index, item in enumerate(self.items) if isinstance(item, Node))


class Tuple(Items):
    """A tuple."""

    __slots__ = ()


class List(Items):
    """A list. `items` are those of the whole file, also those that later steps add."""

    __slots__ = ()


class Set(Items):
    """A set. As in a list, `items` are all."""

    __slots__ = ()


class FrozenSet(Items):
    """A frozenset."""

    __slots__ = ()


class Dict(Node):
    """A dictionary. `items` are keys and values in turn, of the whole file, so a key may come twice."""

    __slots__ = ("items",)

    def __init__(self, items: list[Value], at: int = -1) -> None:
        self.items, self.at = items, at

    def pairs(self) -> Iterator[tuple[Value, Value]]:
        """Yield each key with its value."""
        return zip(self.items[::2], self.items[1::2], strict=True)

    def children(self) -> Iterator[tuple[str, Value]]:
        """Yield the keys and values that are nodes."""
        for key, value in self.pairs():
            if isinstance(key, Node):
                yield ".key", key
            if isinstance(value, Node):
                yield f"[{key!r:.60}]" if isinstance(key, str | int) else "[...]", value


class Call(Node):
    """A call of a function, or a new instance of a class.

    Attributes:
        function: the callee; a `Global` in an honest file.
        arguments: a `Tuple` in an honest file.
        keywords: a `Dict`, or None.
        new: whether the file asks for `cls.__new__(cls, ...)` instead of a call.
        state: the state that a later step sets on the result, which may be None; see `has_state`.
        has_state: whether a later step sets a state.
        items: items that later steps append to the result, or set in it (keys and values in turn).
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
        """Yield the entries of the state as attributes; then function, arguments, keywords and items."""
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
    """An array whose bytes are outside of the pickle, as in joblib's files.

    Attributes:
        dtype: its type, without objects.
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
    """How a step adds items to an object that exists."""

    APPEND = "append"
    SET = "set"
    ADD = "add"


@dataclass(slots=True)
class Extend:
    """A step that adds items `start` to `stop` of the target to it."""

    target: Node
    way: Way
    start: int
    stop: int
    at: int = -1


@dataclass(slots=True)
class Build:
    """A step that sets the state of the target. A target has at most one."""

    target: Call
    state: Value
    at: int = -1


Step: TypeAlias = Node | Extend | Build


@dataclass(slots=True)
class Trace:
    """A whole file.

    Attributes:
        root: the value of the file.
        steps: in the order of the file. A step makes a node, adds items to one, or sets its state.
    """

    root: Value = None
    steps: list[Step] = field(default_factory=list)
