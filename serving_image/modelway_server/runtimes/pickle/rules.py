"""Judge a trace by names and arguments alone. Nothing is imported for it."""

from typing import Any

import numpy as np

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.allowed_names import Kind, kinds
from modelway_server.runtimes.pickle.calls import MAKES_INSTANCE, NAMED_TUPLES, is_well_called, takes_state
from modelway_server.runtimes.pickle.dtypes import dtype_of, is_dtype
from modelway_server.runtimes.pickle.joblib_arrays import OLD_WRAPPERS, WRAPPER
from modelway_server.runtimes.pickle.machine import describe
from modelway_server.runtimes.pickle.presence import check_present
from modelway_server.runtimes.pickle.refusal import Rule, clip, refuse
from modelway_server.runtimes.pickle.substitutes import MEMMAPS, UNUSED, is_distribution
from modelway_server.runtimes.pickle.trace import (
    Array,
    Call,
    Dict,
    FrozenSet,
    Global,
    Items,
    Node,
    Set,
    Trace,
    Tuple,
    Value,
)
from modelway_server.runtimes.pickle.values import content_of, is_key, name_of
from modelway_server.runtimes.pickle.walk import arguments, path_of, prune
from modelway_server.runtimes.trust import Trust

_PYTHON = frozenset({"copyreg._reconstructor", "copyreg.__newobj__", WRAPPER})
"""Names that any pickle may use, whatever it holds."""
_ARRAY_PROTOCOL = frozenset({"__array__", "__array_interface__", "__array_struct__"})
"""Attributes that NumPy reads of any object. A value out of a file may be an address."""
_PROTOCOL_WORDS = ("__array_".encode("utf-32-le"), "__array_".encode("utf-32-be"), b"__array_")
_ITEMS = frozenset(
    {
        "collections.Counter",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.deque",
    }
)


def judge(trace: Trace, trust: Trust) -> list[Node]:
    """Judge a trace by the rules that need no class, drop the steps that its root does not need, and return its nodes.

    Args:
        trace: from pass 1. Only the steps that make the root stay in it.
        trust: names that are allowed beside the lists.

    Raises:
        UnsafeArtifact: a rule refuses the trace.
        AttributeError: a name belongs to a script, or to another version of a library.
        ModuleNotFoundError: a name belongs to a package that is not installed.
    """
    nodes = prune(trace, lambda name: is_distribution(name) and not trust.covers(name))
    judge = _Judge(trace, trust)
    for node in sorted(nodes, key=lambda node: node.at):
        judge.check_node(node)
    if isinstance(trace.root, Global):
        judge.check_data(trace.root)
    return nodes


class _Judge:
    def __init__(self, trace: Trace, trust: Trust) -> None:
        self._root, self._trust = trace.root, trust

    def refusal(self, rule: Rule, what: str, node: Node, *, name: str | None = None) -> UnsafeArtifact:
        path = path_of(self._root, node)
        return refuse(rule, f"{what}, at {path}" if path else what, node.at, name=name)

    def check_node(self, node: Node) -> None:
        if isinstance(node, Global):
            self.check_name(node)
        elif isinstance(node, Call):
            self.check_call(node)
        elif isinstance(node, Array):
            self.check_text(node, node.dtype, node.data)
        elif isinstance(node, Items):
            self.check_items(node)
        elif isinstance(node, Dict):
            self.check_dictionary(node)

    def check_name(self, node: Global) -> None:
        """Rule 1: a name must be listed or trusted."""
        full = node.full
        if full in OLD_WRAPPERS:
            remedy = "Load it with the joblib that saved it, and save it again with a current joblib."
            raise refuse(
                Rule.OPCODES, "the file was saved by a joblib older than 0.10, in several files", node.at, remedy=remedy
            )
        if full in _PYTHON or full in MEMMAPS or is_distribution(full) or kinds(full):
            return
        if not self._trust.covers(full):
            check_present(node.module, node.name)
            what = f"the file names {clip(full)}, which is not among what models may be made of"
            raise self.refusal(Rule.NAMES, what, node, name=full)

    def check_data(self, node: Global) -> None:
        """Check a name that is held as data. Names that are only called while a file loads may not be."""
        full = node.full
        if self._trust.covers(full) or full in MEMMAPS or is_distribution(full):
            return
        if not kinds(full) & {Kind.FUNCTION, Kind.TYPE, Kind.CLASS}:
            raise self.refusal(Rule.FUNCTIONS, f"the file holds {clip(full)} as data", node, name=full)

    def check_items(self, node: Items) -> None:
        hashed = isinstance(node, Set | FrozenSet)
        for item in node.items:
            if isinstance(item, Node):
                if isinstance(item, Global):
                    self.check_data(item)
                self.check_value(item, node)
            elif type(item) is str and item in _ARRAY_PROTOCOL:
                raise self.refusal(Rule.ATTRIBUTES, f"the file holds the text {item}", node)
            if hashed and not is_key(item):
                raise self.refusal(Rule.ARGUMENTS, f"the file puts {describe(item)} into a set", node)

    def check_dictionary(self, node: Dict) -> None:
        for key, value in node.pairs():
            if isinstance(key, Node):
                if isinstance(key, Global):
                    self.check_data(key)
                self.check_value(key, node)
            if isinstance(value, Node):
                if isinstance(value, Global):
                    self.check_data(value)
                self.check_value(value, node)
            if type(key) is not str:
                if not is_key(key):
                    raise self.refusal(Rule.ARGUMENTS, f"the file makes {describe(key)} the key of a dictionary", node)
            elif key in _ARRAY_PROTOCOL and not isinstance(value, int):
                raise self.refusal(Rule.ATTRIBUTES, f"the file holds an entry {key}", node)
            if type(value) is str and value in _ARRAY_PROTOCOL:
                raise self.refusal(Rule.ATTRIBUTES, f"the file holds the text {value}", node)

    def check_value(self, item: Node, holder: Node) -> None:
        """Refuse as data what only calls and steps may use."""
        if isinstance(item, Call) and name_of(item.function) == WRAPPER:
            raise self.refusal(Rule.CALLS, f"the file holds {describe(item)} as data", holder)

    def check_call(self, node: Call) -> None:
        """Rules 1 and 2: only listed names are called, with the arguments of their library, and only instances get a state."""
        name = name_of(node.function)
        if not name:
            raise self.refusal(Rule.CALLS, f"the file calls {describe(node.function)}, not a name", node)
        if not isinstance(node.arguments, Tuple) or not isinstance(node.keywords, Dict | None):
            raise self.refusal(Rule.CALLS, f"the file calls {clip(name)} without a tuple of arguments", node)
        for item in (*arguments(node), *(node.items or ())):
            if isinstance(item, Node):
                self.check_value(item, node)
        for item in (*(node.items or ()), node.state):
            if isinstance(item, Global):
                self.check_data(item)
        self._check_keys(node)
        if self._trust.covers(name) or is_distribution(name):
            return
        if node.new or name in MAKES_INSTANCE:
            self._check_instance(node, name)
        else:
            self._check_function(node, name)

    def _check_keys(self, node: Call) -> None:
        """Check keys that are set in an object and attributes of a state: none may be a special name of Python."""
        keys: list[Value] = []
        if node.items and not self._is_list(node):
            keys += node.items[::2]
            if len(node.items) % 2 or not all(is_key(key) for key in keys):
                raise self.refusal(Rule.ARGUMENTS, "the file sets an entry whose key is none", node)
        for state in (node.state, *(node.state.items if isinstance(node.state, Tuple) else ())):
            if isinstance(state, Dict):
                keys += state.items[::2]
        for key in keys:
            if type(key) is str and key.startswith("__") and key.endswith("__"):
                raise self.refusal(Rule.ATTRIBUTES, f"the file sets {clip(key)} of {describe(node)}", node)

    @staticmethod
    def _is_list(node: Call) -> bool:
        return name_of(node.function) == "collections.deque"

    def _check_instance(self, node: Call, name: str) -> None:
        """Check an instance that is made without a call of its class."""
        first = arguments(node)[:1] if name in MAKES_INSTANCE else [node.function]
        if name in MAKES_INSTANCE:
            if node.new or not is_well_called(node, name):
                raise self.refusal(
                    Rule.ARGUMENTS, f"the file calls {name} with other arguments than Python writes", node
                )
        elif (arguments(node) and not self._is_named_tuple(node, name)) or (
            isinstance(node.keywords, Dict) and node.keywords.items
        ):
            raise self.refusal(
                Rule.ARGUMENTS, f"the file makes an object of {clip(name)} with arguments", node, name=name
            )
        kind = name_of(first[0])
        if kind == WRAPPER or self._trust.covers(kind) or is_distribution(kind):
            return
        if Kind.CLASS not in kinds(kind) and kind not in NAMED_TUPLES:
            raise self.refusal(Rule.CALLS, f"the file makes an object of {clip(kind)}", node, name=kind)

    def _is_named_tuple(self, node: Call, name: str) -> bool:
        """Whether an instance is a listed named tuple with as many arguments as it has items."""
        for item in arguments(node):
            if isinstance(item, Global):
                self.check_data(item)
        return len(arguments(node)) == NAMED_TUPLES.get(name)

    def _check_function(self, node: Call, name: str) -> None:
        if Kind.REBUILD not in kinds(name):
            raise self.refusal(
                Rule.CALLS, f"the file calls {clip(name)}, which loading a model never does", node, name=name
            )
        if not is_well_called(node, name):
            what = f"the file calls {clip(name)} with other arguments than its library writes"
            raise self.refusal(Rule.ARGUMENTS, what, node)
        if name == "functools.partial" and not self._is_function(arguments(node)[0]):
            what = f"the file keeps arguments for {describe(arguments(node)[0])}, which is no listed function"
            raise self.refusal(Rule.FUNCTIONS, what, node)
        if node.has_state and not takes_state(name):
            raise self.refusal(Rule.STATE, f"the file sets a state on what {clip(name)} gives", node)
        if node.items and name not in _ITEMS:
            raise self.refusal(Rule.STATE, f"the file puts items into what {clip(name)} gives", node)
        if name.endswith((".scalar", "._frombuffer", "._reconstruct")):
            self._check_texts(node)

    def _is_function(self, value: Value) -> bool:
        full = name_of(value)
        return self._trust.covers(full) or (Kind.FUNCTION in kinds(full) and full not in UNUSED)

    def _check_texts(self, node: Call) -> None:
        values = [*arguments(node), *(node.state.items if isinstance(node.state, Tuple) else ())]
        dtypes = [dtype_of(item) for item in values if is_dtype(item)]
        for item in values:
            content = content_of(item)
            if content is not None and dtypes:
                stored = content.encode("latin-1", "replace") if isinstance(content, str) else content
                self.check_text(node, dtypes[0], stored)

    def check_text(self, node: Node, dtype: np.dtype[Any], content: bytes | bytearray | memoryview) -> None:
        """Check arrays of text, whose words become names of a table's columns and rows."""
        if dtype.kind not in "US":
            return
        characters = bytes(content)
        if any(word in characters for word in _PROTOCOL_WORDS):
            raise self.refusal(Rule.ATTRIBUTES, "the file holds a text that begins with __array_", node)
