"""Pass 1: read the schema of a skops file into a trace. Nothing is imported and nothing is called.

Every node of the schema names its loader. A function reads each loader that skops writes; any other loader is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from modelway_server.errors import LoadFailure, UnsafeArtifact
from modelway_server.runtimes.pickle.refusal import Rule, clip, damage, refuse
from modelway_server.runtimes.pickle.substitutes import MOVED
from modelway_server.runtimes.pickle.trace import Build, Call, Dict, Extend, Global, List, Set, Trace, Tuple, Value, Way
from modelway_server.runtimes.skops.archive import SCHEMA, Archive

MAX_DEPTH = 250
"""Levels of nodes inside each other. Before that, skops' own writer stops at Python's recursion limit."""
MAX_NAME = 300
"""Characters of the name of a module or a class."""
PROTOCOLS = range(3)
_OUTERMOST = 1 << 40
"""The place of the outermost node. Inner nodes have lower places, because contents come before their holder in a pickle too."""
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(slots=True)
class Entry:
    """One node of the schema.

    Attributes:
        state: the JSON object.
        module: `__module__`.
        name: `__class__`.
        at: its place, a number that `Reader.path` turns into a path.
    """

    state: Mapping[str, Any]
    module: str
    name: str
    at: int

    def field(self, key: str) -> Any:
        """Return the value of a key.

        Raises:
            InvalidArtifact: the node has no such key.
        """
        if key not in self.state:
            raise damage(f"a {self.state['__loader__']} without {key!r}")
        return self.state[key]

    def fields(self, key: str, kind: type) -> Any:
        """Return the value of a key, which must have a JSON type.

        Raises:
            InvalidArtifact: the node has no such key, or the value has another type.
        """
        value = self.field(key)
        if not isinstance(value, kind):
            raise damage(f"a {self.state['__loader__']} whose {key!r} is no {kind.__name__}")
        return value


Handler: TypeAlias = "Callable[[Reader, Entry], Value]"


class Reader:
    """The reader of one file.

    Attributes:
        trace: the trace so far.
        archive: the members of the file.
        protocol: the version of the format, according to the file.
        sklearn_version: the version of scikit-learn, according to the file; empty if it has none.
    """

    def __init__(self, archive: Archive, handlers: Mapping[str, Handler]) -> None:
        self.trace, self.archive = Trace(), archive
        self.protocol, self.sklearn_version = 0, ""
        self._handlers = handlers
        self._memo: dict[int | None, Value] = {}
        self._open: set[int | None] = set()
        self._places: list[tuple[int, str | int]] = []
        self._depth = 0

    def read(self, schema: Mapping[str, Any]) -> Trace:
        """Read the trace of a schema.

        Raises:
            UnsafeArtifact: the schema does what no model needs.
            InvalidArtifact: the schema is none of skops.
        """
        protocol = schema.get("protocol")
        if type(protocol) is not int or protocol not in PROTOCOLS:
            raise damage(f"protocol {protocol!r:.20} of skops")
        self.protocol = protocol
        try:
            self.trace.root = self.child(schema, -1, "$")
        except RecursionError:
            raise refuse(Rule.BOUNDS, "the file nests too deep") from None
        return self.trace

    def child(self, state: Any, parent: int, key: str | int) -> Value:
        """Return the value of a node of the schema. A node with an identity is made once.

        Args:
            state: the JSON of the node.
            parent: the place of its holder.
            key: its key or index in the holder.
        """
        entry = self._entry(state, parent, key)
        identity = state.get("__id__")
        if identity is not None and type(identity) is not int:
            raise self.damage("an identity that is no number", entry)
        if identity in self._memo:
            return self._memo[identity]
        if (identity is not None and identity in self._open) or self._depth >= MAX_DEPTH:
            raise self.refuse(Rule.BOUNDS, f"the file nests deeper than {MAX_DEPTH} levels, or holds itself", entry)
        handler = self._handlers.get(state["__loader__"])
        if handler is None:
            what = f"the file uses the loader {clip(state['__loader__'])}, with which no model is written"
            raise self.refuse(Rule.OPCODES, what, entry)
        self._depth += 1
        self._open.add(identity)
        value = handler(self, entry)
        self._open.discard(identity)
        self._depth -= 1
        if identity is not None:
            self._memo[identity] = value
        return value

    def add(self, node: Any, entry: Entry) -> Any:
        """Add a node to the trace."""
        node.at = entry.at
        self.trace.steps.append(node)
        return node

    def name(self, module: str, name: str, entry: Entry) -> Global:
        """Add a name of a module."""
        for part in (module, name):
            if len(part) > MAX_NAME or not _NAME.fullmatch(part):
                raise self.refuse(Rule.NAMES, f"the file names {clip(module)}.{clip(name)}, which is no name", entry)
        return self.add(Global(MOVED.get(module, module), name), entry)  # type: ignore[no-any-return]  # the node itself

    def call(self, function: Global, arguments: list[Value], entry: Entry, *, new: bool = False) -> Call:
        """Add a call of a name, or a new instance of it."""
        arguments_node = self.add(Tuple(arguments), entry)
        return self.add(Call(function, arguments_node, new=new), entry)  # type: ignore[no-any-return]  # as above

    def fill(self, target: List | Set | Dict | Call, way: Way, items: list[Value], entry: Entry) -> Value:
        """Add items to an empty container, keys and values in turn, and return the container."""
        if items:
            target.items = items
            self.trace.steps.append(Extend(target, way, 0, len(items), entry.at))
        return target

    def build(self, target: Call, state: Value, entry: Entry) -> Call:
        """Set the state of an object, and return the object."""
        target.state, target.has_state = state, True
        self.trace.steps.append(Build(target, state, entry.at))
        return target

    def refuse(self, rule: Rule, what: str, entry: Entry, *, name: str | None = None) -> UnsafeArtifact:
        """Return the failure of a node that a rule refuses."""
        return refuse(rule, what, entry.at, name=name)

    def damage(self, what: str, entry: Entry) -> LoadFailure:
        """Return the failure of a node that skops does not write."""
        return damage(f"{self.path(entry.at)} of {SCHEMA}: {what}")

    def path(self, at: int) -> str:
        """Return the JSON path of a place."""
        keys: list[str] = []
        while at >= 0:
            at, key = self._places[_OUTERMOST - at]
            keys.append(f"content[{key}]" if isinstance(key, int) else key[:60])
        return clip(".".join(reversed(keys)))

    def _entry(self, state: Any, parent: int, key: str | int) -> Entry:
        self._places.append((parent, key))
        at = _OUTERMOST + 1 - len(self._places)
        if not isinstance(state, dict):
            raise damage(f"{self.path(at)} of {SCHEMA} is no node")
        loader, module, name = state.get("__loader__"), state.get("__module__"), state.get("__class__")
        if not isinstance(loader, str) or not isinstance(module, str) or not isinstance(name, str):
            raise damage(f"{self.path(at)} of {SCHEMA} is no node")
        return Entry(state, module, name, at)
