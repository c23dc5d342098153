"""The judgement of a trace by names and arguments alone; nothing is imported for it."""

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
"""Names that the pickles themselves are written with, whatever they hold."""
_ARRAY_PROTOCOL = frozenset({"__array__", "__array_interface__", "__array_struct__"})
"""What NumPy asks any object for; an answer out of a file may be an address."""
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
    """Hold a trace to the rules that need no class at hand, leave what its root does not hold, and give its nodes.

    Args:
        trace: of pass 1; only the steps that make the root are left in it.
        trust: what is allowed beside the lists.

    Raises:
        UnsafeArtifact: a rule refuses it.
        AttributeError: it names what belongs to a script, or to another version of a library.
        ModuleNotFoundError: it names a package that is not here.
    """
    nodes = prune(trace, lambda name: is_distribution(name) and not trust.covers(name))
    judge = _Judge(trace, trust)
    for node in sorted(nodes, key=lambda node: node.at):
        judge.node(node)
    if isinstance(trace.root, Global):
        judge.held(trace.root)
    return nodes


class _Judge:
    def __init__(self, trace: Trace, trust: Trust) -> None:
        self._root, self._trust = trace.root, trust

    def refused(self, rule: Rule, what: str, node: Node, *, name: str | None = None) -> UnsafeArtifact:
        path = path_of(self._root, node)
        return refuse(rule, f"{what}, at {path}" if path else what, node.at, name=name)

    def node(self, node: Node) -> None:
        if isinstance(node, Global):
            self.name(node)
        elif isinstance(node, Call):
            self.call(node)
        elif isinstance(node, Array):
            self.text(node, node.dtype, node.data)
        elif isinstance(node, Items):
            self.items(node)
        elif isinstance(node, Dict):
            self.dictionary(node)

    def name(self, node: Global) -> None:
        """Rule 1: the name is listed, or somebody trusts it."""
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
            raise self.refused(Rule.NAMES, what, node, name=full)

    def held(self, node: Global) -> None:
        """A name that is held as data: one that is called while loading alone is none."""
        full = node.full
        if self._trust.covers(full) or full in MEMMAPS or is_distribution(full):
            return
        if not kinds(full) & {Kind.FUNCTION, Kind.TYPE, Kind.CLASS}:
            raise self.refused(Rule.FUNCTIONS, f"the file holds {clip(full)} as data", node, name=full)

    def items(self, node: Items) -> None:
        hashed = isinstance(node, Set | FrozenSet)
        for item in node.items:
            if isinstance(item, Node):
                if isinstance(item, Global):
                    self.held(item)
                self.value(item, node)
            elif type(item) is str and item in _ARRAY_PROTOCOL:
                raise self.refused(Rule.ATTRIBUTES, f"the file holds the text {item}", node)
            if hashed and not is_key(item):
                raise self.refused(Rule.ARGUMENTS, f"the file puts {describe(item)} into a set", node)

    def dictionary(self, node: Dict) -> None:
        for key, value in node.pairs():
            if isinstance(key, Node):
                if isinstance(key, Global):
                    self.held(key)
                self.value(key, node)
            if isinstance(value, Node):
                if isinstance(value, Global):
                    self.held(value)
                self.value(value, node)
            if type(key) is not str:
                if not is_key(key):
                    raise self.refused(Rule.ARGUMENTS, f"the file makes {describe(key)} the key of a dictionary", node)
            elif key in _ARRAY_PROTOCOL and not isinstance(value, int):
                raise self.refused(Rule.ATTRIBUTES, f"the file holds an entry {key}", node)
            if type(value) is str and value in _ARRAY_PROTOCOL:
                raise self.refused(Rule.ATTRIBUTES, f"the file holds the text {value}", node)

    def value(self, item: Node, holder: Node) -> None:
        """What only calls and steps may use is no value."""
        if isinstance(item, Call) and name_of(item.function) == WRAPPER:
            raise self.refused(Rule.CALLS, f"the file holds {describe(item)} as data", holder)

    def call(self, node: Call) -> None:
        """Rules 1 and 2: what is called is a listed name with its own library's arguments, and only instances get a state."""
        name = name_of(node.function)
        if not name:
            raise self.refused(Rule.CALLS, f"the file calls {describe(node.function)}, not a name", node)
        if not isinstance(node.arguments, Tuple) or not isinstance(node.keywords, Dict | None):
            raise self.refused(Rule.CALLS, f"the file calls {clip(name)} without a tuple of arguments", node)
        for item in (*arguments(node), *(node.items or ())):
            if isinstance(item, Node):
                self.value(item, node)
        for item in (*(node.items or ()), node.state):
            if isinstance(item, Global):
                self.held(item)
        self._keys(node)
        if self._trust.covers(name) or is_distribution(name):
            return
        if node.new or name in MAKES_INSTANCE:
            self._instance(node, name)
        else:
            self._function(node, name)

    def _keys(self, node: Call) -> None:
        """Entries that are set in an object one by one, and attributes of a state: none that Python asks an object for."""
        keys: list[Value] = []
        if node.items and not self._is_list(node):
            keys += node.items[::2]
            if len(node.items) % 2 or not all(is_key(key) for key in keys):
                raise self.refused(Rule.ARGUMENTS, "the file sets an entry whose key is none", node)
        for state in (node.state, *(node.state.items if isinstance(node.state, Tuple) else ())):
            if isinstance(state, Dict):
                keys += state.items[::2]
        for key in keys:
            if type(key) is str and key.startswith("__") and key.endswith("__"):
                raise self.refused(Rule.ATTRIBUTES, f"the file sets {clip(key)} of {describe(node)}", node)

    @staticmethod
    def _is_list(node: Call) -> bool:
        return name_of(node.function) == "collections.deque"

    def _instance(self, node: Call, name: str) -> None:
        """An instance that is made without a call of its class."""
        first = arguments(node)[:1] if name in MAKES_INSTANCE else [node.function]
        if name in MAKES_INSTANCE:
            if node.new or not is_well_called(node, name):
                raise self.refused(
                    Rule.ARGUMENTS, f"the file calls {name} with other arguments than Python writes", node
                )
        elif (arguments(node) and not self._is_named_tuple(node, name)) or (
            isinstance(node.keywords, Dict) and node.keywords.items
        ):
            raise self.refused(
                Rule.ARGUMENTS, f"the file makes an object of {clip(name)} with arguments", node, name=name
            )
        made = name_of(first[0])
        if made == WRAPPER or self._trust.covers(made) or is_distribution(made):
            return
        if Kind.CLASS not in kinds(made) and made not in NAMED_TUPLES:
            raise self.refused(Rule.CALLS, f"the file makes an object of {clip(made)}", node, name=made)

    def _is_named_tuple(self, node: Call, name: str) -> bool:
        """What is made with arguments, and no more than a tuple of them."""
        for item in arguments(node):
            if isinstance(item, Global):
                self.held(item)
        return len(arguments(node)) == NAMED_TUPLES.get(name)

    def _function(self, node: Call, name: str) -> None:
        if Kind.REBUILD not in kinds(name):
            raise self.refused(
                Rule.CALLS, f"the file calls {clip(name)}, which loading a model never does", node, name=name
            )
        if not is_well_called(node, name):
            what = f"the file calls {clip(name)} with other arguments than its library writes"
            raise self.refused(Rule.ARGUMENTS, what, node)
        if name == "functools.partial" and not self._is_function(arguments(node)[0]):
            what = f"the file keeps arguments for {describe(arguments(node)[0])}, which is no listed function"
            raise self.refused(Rule.FUNCTIONS, what, node)
        if node.has_state and not takes_state(name):
            raise self.refused(Rule.STATE, f"the file sets a state on what {clip(name)} gives", node)
        if node.items and name not in _ITEMS:
            raise self.refused(Rule.STATE, f"the file puts items into what {clip(name)} gives", node)
        if name.endswith((".scalar", "._frombuffer", "._reconstruct")):
            self._text_of(node)

    def _is_function(self, value: Value) -> bool:
        full = name_of(value)
        return self._trust.covers(full) or (Kind.FUNCTION in kinds(full) and full not in UNUSED)

    def _text_of(self, node: Call) -> None:
        held = [*arguments(node), *(node.state.items if isinstance(node.state, Tuple) else ())]
        dtypes = [dtype_of(item) for item in held if is_dtype(item)]
        for item in held:
            content = content_of(item)
            if content is not None and dtypes:
                stored = content.encode("latin-1", "replace") if isinstance(content, str) else content
                self.text(node, dtypes[0], stored)

    def text(self, node: Node, dtype: np.dtype[Any], content: bytes | bytearray | memoryview) -> None:
        """Arrays of text: their words become names of a table's columns and rows."""
        if dtype.kind not in "US":
            return
        held = bytes(content)
        if any(word in held for word in _PROTOCOL_WORDS):
            raise self.refused(Rule.ATTRIBUTES, "the file holds a text that begins with __array_", node)
