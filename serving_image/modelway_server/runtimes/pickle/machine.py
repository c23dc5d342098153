"""Pass 1: read the opcodes of a pickle into a trace. Nothing is imported and nothing is called.

The opcodes are those of Python's pickletools, protocols 0 to 5. Opcodes that no model needs are refused by name:
persistent ids, extension codes, buffers outside of the file, DUP.
"""

import _compat_pickle
import pickle
import re

from modelway_server.errors import LoadFailure
from modelway_server.runtimes.pickle.joblib_arrays import is_wrapper, read_array
from modelway_server.runtimes.pickle.opcodes import HANDLERS
from modelway_server.runtimes.pickle.refusal import Rule, clip, damage, refuse
from modelway_server.runtimes.pickle.substitutes import MOVED
from modelway_server.runtimes.pickle.trace import (
    Build,
    Call,
    Dict,
    Extend,
    Global,
    Items,
    List,
    Node,
    Set,
    Trace,
    Tuple,
    Value,
    Way,
)

MAX_MARKS = 2000
"""Containers that may be open at once. Python's own writer stops at its recursion limit of 1000."""
MAX_NAME = 300
"""Characters of the name of a module or a class."""
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_STOP = pickle.STOP[0]
_TAKES: dict[Way, type[Items | Dict]] = {Way.APPEND: List, Way.SET: Dict, Way.ADD: Set}


def read(data: bytes | memoryview) -> Trace:
    """Read the trace of a file.

    Args:
        data: the whole unpacked file, of pickle or of joblib.

    Raises:
        UnsafeArtifact: the file does what no model needs.
        InvalidArtifact: the file ends early, or is no pickle.
    """
    trace = Trace()
    trace.root, _ = Machine(memoryview(data), trace, arrays=True).run(0)
    return trace


class Machine:
    """The reader of one stream of opcodes. Joblib's files hold further streams, with stacks and memos of their own.

    Attributes:
        stack: the values since the last mark.
        below: the stacks under it, the innermost last.
        memo: the values that the file remembers, by number.
        at: the position of the current opcode.
    """

    __slots__ = ("_arrays", "_data", "_trace", "at", "below", "memo", "stack", "steps")

    def __init__(self, data: memoryview, trace: Trace, *, arrays: bool) -> None:
        self._data, self._trace, self._arrays = data, trace, arrays
        self.steps = trace.steps
        self.stack: list[Value] = []
        self.below: list[list[Value]] = []
        self.memo: dict[int, Value] = {}
        self.at = 0

    def run(self, position: int) -> tuple[Value, int]:
        """Read the stream that begins at a position, and return its value and the position after its end.

        Raises:
            UnsafeArtifact: see `read`.
            InvalidArtifact: see `read`.
        """
        data = self._data
        try:
            while (code := data[position]) != _STOP:
                self.at = position
                position = HANDLERS[code](self, data, position + 1)
        except LoadFailure:
            raise
        except (IndexError, KeyError, ValueError, OverflowError) as error:
            raise damage(f"byte {self.at}: {type(error).__name__}") from error
        if len(self.stack) != 1 or self.below:
            raise damage(f"byte {position}: it ends in the middle")
        return self.stack[0], position + 1

    def push_node(self, node: Node) -> None:
        """Make a node at the current opcode, and push it."""
        node.at = self.at
        self.steps.append(node)
        self.stack.append(node)

    def pop_to_mark(self) -> list[Value]:
        """Take the values since the last mark from the stack."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def open_mark(self) -> None:
        """Begin a container."""
        if len(self.below) >= MAX_MARKS:
            raise refuse(Rule.BOUNDS, f"the file nests deeper than {MAX_MARKS} levels", self.at)
        self.below.append(self.stack)
        self.stack = []

    def extend(self, target: Value, way: Way, items: list[Value]) -> None:
        """Add items to a list, a dictionary (keys and values in turn) or a set, or to an object of such a class."""
        if isinstance(target, Call) and way is not Way.ADD:
            contents = target.items
            if contents is None:
                contents = target.items = []
        elif isinstance(target, _TAKES[way]):
            contents = target.items
        else:
            raise refuse(Rule.STATE, f"the file puts items into {describe(target)}, which takes none", self.at)
        start = len(contents)
        contents += items
        self.steps.append(Extend(target, way, start, len(contents), self.at))

    def look_up(self, module: Value, name: Value) -> Global:
        """Return the name as Python 3 has it; protocols 0 to 2 use names of Python 2."""
        if not isinstance(name, str) or not isinstance(module, str):
            raise refuse(Rule.NAMES, "the file looks a name up that is not text", self.at)
        for part in (module, name):
            if len(part) > MAX_NAME or not _NAME.fullmatch(part):
                raise refuse(Rule.NAMES, f"the file names {clip(module)}.{clip(name)}, which is no name", self.at)
        module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
        today = str(_compat_pickle.IMPORT_MAPPING.get(module) or module)
        return Global(MOVED.get(today, today), name)

    def call(self, function: Value, items: list[Value]) -> None:
        """Add a call of a function with items from the stack."""
        arguments = Tuple(items, self.at)
        self.steps.append(arguments)
        self.push_node(Call(function, arguments))

    def build(self, position: int) -> int:
        """Set the state on top of the stack on the object below it, and return the position where reading goes on."""
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, Call):
            raise refuse(Rule.STATE, f"the file sets a state on {describe(target)}", self.at)
        if target.has_state:
            raise refuse(Rule.STATE, "the file sets the state of one object twice", self.at)
        target.state, target.has_state = state, True
        self.steps.append(Build(target, state, self.at))
        return self._read_array(target, position) if self._arrays and is_wrapper(target) else position

    def _read_array(self, wrapper: Call, position: int) -> int:
        """Read an array of joblib: its bytes follow here, or a pickle of an array of objects."""
        self.stack.pop()
        array, position = read_array(wrapper, self._data, position)
        if array is None:
            array, position = Machine(self._data, self._trace, arrays=False).run(position)
            self.stack.append(array)
        else:
            self.push_node(array)
        return position


def describe(value: Value) -> str:
    """Describe a value for a message."""
    if isinstance(value, Global):
        return f"the name {clip(value.full)}"
    if isinstance(value, Call):
        return f"an object of {clip(value.function.full)}" if isinstance(value.function, Global) else "what a call gave"
    return f"a {type(value).__name__.lower()}"
