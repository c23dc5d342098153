"""Handle the opcodes of a pickle: what each does to the machine that reads it."""

import pickle
import pickletools
from typing import TYPE_CHECKING

from modelway_server.runtimes.pickle.constants import CONSTANTS, Handler, line, take
from modelway_server.runtimes.pickle.refusal import Rule, damage, refuse
from modelway_server.runtimes.pickle.trace import Call, Dict, FrozenSet, Global, Items, List, Set, Tuple, Way

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway_server.runtimes.pickle.machine import Machine

_ATTRIBUTE = "builtins.getattr"
_PROTOCOLS = range(6)


def _do(act: "Callable[[Machine], None]") -> Handler:
    """Return the handler of an opcode without an operand."""

    def handle(machine: "Machine", _: memoryview, position: int) -> int:
        act(machine)
        return position

    return handle


def _protocol(_: "Machine", data: memoryview, position: int) -> int:
    if data[position] not in _PROTOCOLS:
        raise damage(f"byte {position}: protocol {data[position]}")
    return position + 1


def _frame(_: "Machine", data: memoryview, position: int) -> int:
    """Skip the length of a frame, which a reader of the whole file does not need."""
    return take(data, position, 8)[1]


def _memoize(machine: "Machine", _: memoryview, position: int) -> int:
    memo = machine.memo
    memo[len(memo)] = machine.stack[-1]
    return position


def _put(width: int) -> Handler:
    def put(machine: "Machine", data: memoryview, position: int) -> int:
        number, stop = take(data, position, width)
        machine.memo[int.from_bytes(number, "little")] = machine.stack[-1]
        return stop

    return put


def _get(width: int) -> Handler:
    def get(machine: "Machine", data: memoryview, position: int) -> int:
        stop = position + width
        machine.stack.append(machine.memo[int.from_bytes(data[position:stop], "little")])
        return stop

    return get


def _put_line(machine: "Machine", data: memoryview, position: int) -> int:
    number, stop = line(data, position)
    machine.memo[int(number)] = machine.stack[-1]
    return stop


def _get_line(machine: "Machine", data: memoryview, position: int) -> int:
    number, stop = line(data, position)
    machine.stack.append(machine.memo[int(number)])
    return stop


def _pop(machine: "Machine") -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_to_mark()


def _pop_mark(machine: "Machine") -> None:
    machine.pop_to_mark()


def _read_name(data: memoryview, position: int) -> tuple[str, str, int]:
    module, position = line(data, position)
    name, position = line(data, position)
    return str(module, "utf-8"), str(name, "utf-8"), position


def _global(machine: "Machine", data: memoryview, position: int) -> int:
    module, name, position = _read_name(data, position)
    machine.push_node(machine.look_up(module, name))
    return position


def _stack_global(machine: "Machine") -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.push_node(machine.look_up(module, name))


def _instance(machine: "Machine", data: memoryview, position: int) -> int:
    """INST of protocol 0: call a name with the values after the mark."""
    module, name, position = _read_name(data, position)
    function = machine.look_up(module, name)
    function.at = machine.at
    machine.steps.append(function)
    machine.call(function, machine.pop_to_mark())
    return position


def _object(machine: "Machine") -> None:
    """OBJ of protocol 1: call the first value after the mark with the others."""
    items = machine.pop_to_mark()
    machine.call(items[0], items[1:])


def _reduce(machine: "Machine") -> None:
    """Add a call. `getattr` of a name becomes a name, since protocols write attributes of classes in this way."""
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if isinstance(function, Global) and function.full == _ATTRIBUTE and isinstance(arguments, Tuple):
        match arguments.items:
            case [Global() as owner, str() as name]:
                machine.push_node(machine.look_up(owner.module, f"{owner.name}.{name}"))
                return
    machine.push_node(Call(function, arguments))


def _new_object(machine: "Machine") -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.push_node(Call(function, arguments, new=True))


def _new_object_with_keywords(machine: "Machine") -> None:
    keywords, arguments, function = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.push_node(Call(function, arguments, keywords, new=True))


def _build(machine: "Machine", _: memoryview, position: int) -> int:
    return machine.build(position)


def _append(machine: "Machine") -> None:
    item = machine.stack.pop()
    machine.extend(machine.stack[-1], Way.APPEND, [item])


def _set_item(machine: "Machine") -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.extend(machine.stack[-1], Way.SET, [key, value])


def _extend(way: Way) -> "Callable[[Machine], None]":
    def extend(machine: "Machine") -> None:
        items = machine.pop_to_mark()
        if way is Way.SET and len(items) % 2:
            raise damage(f"byte {machine.at}: a key without a value")
        machine.extend(machine.stack[-1], way, items)

    return extend


def _empty(kind: type[Items | Dict]) -> "Callable[[Machine], None]":
    return lambda machine: machine.push_node(kind([]))


def _container(kind: type[Items | Dict]) -> "Callable[[Machine], None]":
    def make(machine: "Machine") -> None:
        items = machine.pop_to_mark()
        if kind is Dict and len(items) % 2:
            raise damage(f"byte {machine.at}: a key without a value")
        machine.push_node(kind(items))

    return make


def _tuple(length: int) -> "Callable[[Machine], None]":
    def make(machine: "Machine") -> None:
        stack = machine.stack
        if len(stack) < length:
            raise damage(f"byte {machine.at}: a tuple of what is not there")
        items = stack[-length:]
        del stack[-length:]
        machine.push_node(Tuple(items))

    return make


def _refuse(name: str) -> Handler:
    def refuse_opcode(machine: "Machine", _: memoryview, __: int) -> int:
        raise refuse(Rule.OPCODES, f"the file uses the opcode {name}, with which no model is written", machine.at)

    return refuse_opcode


def _unknown(machine: "Machine", data: memoryview, _: int) -> int:
    raise damage(f"byte {machine.at}: {data[machine.at]:#04x} is no opcode")


_OWN: dict[bytes, Handler] = {
    **CONSTANTS,
    pickle.PROTO: _protocol,
    pickle.FRAME: _frame,
    pickle.MARK: _do(lambda machine: machine.open_mark()),
    pickle.POP: _do(_pop),
    pickle.POP_MARK: _do(_pop_mark),
    pickle.MEMOIZE: _memoize,
    pickle.PUT: _put_line,
    pickle.BINPUT: _put(1),
    pickle.LONG_BINPUT: _put(4),
    pickle.GET: _get_line,
    pickle.BINGET: _get(1),
    pickle.LONG_BINGET: _get(4),
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _do(_stack_global),
    pickle.INST: _instance,
    pickle.OBJ: _do(_object),
    pickle.REDUCE: _do(_reduce),
    pickle.NEWOBJ: _do(_new_object),
    pickle.NEWOBJ_EX: _do(_new_object_with_keywords),
    pickle.BUILD: _build,
    pickle.APPEND: _do(_append),
    pickle.APPENDS: _do(_extend(Way.APPEND)),
    pickle.SETITEM: _do(_set_item),
    pickle.SETITEMS: _do(_extend(Way.SET)),
    pickle.ADDITEMS: _do(_extend(Way.ADD)),
    pickle.EMPTY_LIST: _do(_empty(List)),
    pickle.EMPTY_DICT: _do(_empty(Dict)),
    pickle.EMPTY_SET: _do(_empty(Set)),
    pickle.EMPTY_TUPLE: _do(_empty(Tuple)),
    pickle.LIST: _do(_container(List)),
    pickle.DICT: _do(_container(Dict)),
    pickle.FROZENSET: _do(_container(FrozenSet)),
    pickle.TUPLE: _do(_container(Tuple)),
    pickle.TUPLE1: _do(_tuple(1)),
    pickle.TUPLE2: _do(_tuple(2)),
    pickle.TUPLE3: _do(_tuple(3)),
}
_KNOWN = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
HANDLERS: list[Handler] = [
    _OWN.get(bytes([code])) or (_refuse(_KNOWN[code]) if code in _KNOWN else _unknown) for code in range(256)
]
"""Handlers by the byte of the opcode."""
