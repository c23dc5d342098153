"""Pickles that use the machine itself: what is called is no name, what gets a state is no instance, what is read never ends."""

import pickle
import struct
from collections.abc import Iterator
from itertools import chain, repeat

from support.files.hostile.assembly import FALSE, STOP, TRUE, Blob, build, call, name, new, program, stack_name, value
from support.files.hostile.kinds import MARK, Hostile, of_bytes

_TOUCH = f"touch {MARK}"
_SYSTEM = name("os", "system")
_FOREST = ("sklearn.ensemble._forest", "RandomForestClassifier")
_ESTIMATOR = new(name(*_FOREST))
_OLD_RECONSTRUCTOR = name("copyreg", "_reconstructor")
_OBJECT = name("builtins", "object")


def files() -> Iterator[Hostile]:
    """Each trick once."""
    for what, content in chain(_callees(), _states(), _machine(), _endless()):
        yield of_bytes(f"opcodes: {what}", content)


def _callees() -> Iterator[tuple[str, bytes]]:
    """What is called is an instance, a method, a result, or is named in an unusual way."""
    getter = call(name("operator", "attrgetter"), "__globals__")
    partial = call(name("functools", "partial"), name("builtins", "print"), "harm")
    yield "INST", b"(" + value(_TOUCH) + b"ios\nsystem\n" + STOP
    yield "OBJ", b"(" + _SYSTEM + value(_TOUCH) + b"o" + STOP
    yield "NEWOBJ on a function", program(new(_SYSTEM, _TOUCH))
    yield "NEWOBJ_EX on a process", program(name("subprocess", "Popen"), value((["touch", MARK],)), b"}", b"\x92")
    yield "the result of a call is called", program(call(getter, name("os", "walk")))
    yield "a partial is called", program(call(partial))
    yield "an estimator is called", program(call(_ESTIMATOR, 1))
    yield "a bound method by a dotted name", program(call(stack_name("sklearn.base", "BaseEstimator.__repr__"), 1))
    yield "globals of a function", program(stack_name("sklearn.base", "clone.__globals__"))
    yield "a function's code", program(stack_name("sklearn.base", "clone.__code__"))
    yield "builtins of a module", program(call(stack_name("sklearn.base", "warnings.sys.modules"), "os"))
    yield "a class's subclasses", program(call(stack_name("builtins", "object.__subclasses__")))
    yield "a string's format", program(call(stack_name("builtins", "str.format"), "{0.__class__}", 1))
    yield (
        "a name through the memo",
        program(
            value("os"),
            b"\x94",
            value("system"),
            b"\x94",
            b"0",
            b"0",
            b"h\x00",
            b"h\x01",
            b"\x93",
            value((_TOUCH,)),
            b"R",
        ),
    )
    yield "a name in two steps of a dictionary", program(call(name("builtins", "dict.__getitem__"), {"a": 1}, "a"))
    yield "a name with a trailing dot", program(call(stack_name("os.", "system"), _TOUCH))
    yield "a name with a NUL", program(call(stack_name("os\0", "system"), _TOUCH))
    yield "a relative module", program(call(stack_name(".os", "system"), _TOUCH))
    yield "a look-alike", program(call(stack_name("sklеarn.base", "clone"), 1))  # noqa: RUF001  (on purpose)
    yield "a very long name", program(stack_name("sklearn." + "a." * 100_000, "x"))
    yield "a module as a class", program(new(stack_name("sklearn", "base")))
    yield "a module of a module", program(call(stack_name("numpy", "os.system"), _TOUCH))
    yield "a class of another module", program(call(stack_name("joblib.numpy_pickle", "Path"), MARK))
    yield "copyreg on a function", program(call(_OLD_RECONSTRUCTOR, _SYSTEM, _OBJECT, None))
    yield "copyreg with a foreign base", program(call(_OLD_RECONSTRUCTOR, name(*_FOREST), name("builtins", "dict"), {}))
    yield (
        "newobj on a process",
        program(call(name("copyreg", "__newobj__"), name("subprocess", "Popen"), ["touch", MARK])),
    )
    yield (
        "newobj_ex on a process",
        program(call(name("copyreg", "__newobj_ex__"), name("subprocess", "Popen"), (["touch", MARK],), {})),
    )
    yield "an exception whose text runs", program(call(name("builtins", "SystemExit"), 0))
    yield "a keyboard interrupt raised late", program(call(name("builtins", "sum"), [[1], "a"]))
    yield "sorted by a key", program(call(name("builtins", "sorted"), [1], _SYSTEM))
    yield "a default factory", program(call(name("collections", "defaultdict"), name("builtins", "breakpoint")))
    yield "a numpy type with a buffer", program(call(name("numpy", "dtype"), "O", FALSE, TRUE))
    yield "an encoding by a codec", program(call(name("_codecs", "encode"), "x", "zlib_codec"))
    yield "a lookup of a codec", program(call(name("_codecs", "lookup"), "rot13"))
    yield "an expression that backtracks", program(call(name("re", "_compile"), "(a+)+$" * 50 + "(" * 5000, 0))


def _states() -> Iterator[tuple[str, bytes]]:
    """BUILD on what is no instance, or with keys that change what an object is."""
    lure = {"predict": call(name("functools", "partial"), name("builtins", "print"))}
    yield "state onto a class", program(build(name(*_FOREST), {"predict": name("builtins", "print")}), b"0", _ESTIMATOR)
    yield "state onto a function", program(build(name("numpy", "log1p"), {"x": 1}))
    yield "state onto a function of scikit-learn", program(build(name("sklearn.base", "clone"), {"__wrapped__": 1}))
    yield "state onto a module", program(build(stack_name("sklearn", "base"), {"clone": _SYSTEM}))
    yield "slots onto a class", program(build(name(*_FOREST), (None, {"predict": _SYSTEM})))
    yield "dunder keys in a state", program(build(_ESTIMATOR, {"__class__": name("os", "_Environ")}))
    yield "dunder slots in a state", program(build(_ESTIMATOR, (None, {"__class__": name("os", "_Environ")})))
    yield "a shadowed method", program(build(_ESTIMATOR, lure))
    yield "a shadowed method in slots", program(build(_ESTIMATOR, (None, lure)))
    yield "tags of its own", program(build(_ESTIMATOR, {"__sklearn_tags__": _SYSTEM}))
    yield "a call of its own", program(build(_ESTIMATOR, {"__call__": _SYSTEM}))
    yield (
        "an array interface",
        program(
            build(
                new(name("types", "SimpleNamespace")),
                {"__array_interface__": {"data": (4096, False), "shape": (8,), "typestr": "<f8", "version": 3}},
            )
        ),
    )
    yield (
        "an array interface on an estimator",
        program(
            build(
                _ESTIMATOR,
                {"__array_interface__": {"data": (4096, False), "shape": (8,), "typestr": "<f8", "version": 3}},
            )
        ),
    )
    yield "an array structure", program(build(_ESTIMATOR, {"__array_struct__": 1}))
    yield "an array function", program(build(_ESTIMATOR, {"__array__": _SYSTEM}))
    yield (
        "a state of a partial",
        program(build(new(name("functools", "partial"), name("builtins", "print")), (_SYSTEM, (_TOUCH,), {}, {}))),
    )
    yield "a state of an exception", program(build(call(name("builtins", "ValueError"), "x"), {"__traceback__": None}))
    yield "a state onto a number", program(build(value(1), {"real": 2}))
    yield "a state onto a list", program(build(value([1]), {"append": _SYSTEM}))


def _machine() -> Iterator[tuple[str, bytes]]:
    """Opcodes and values that no honest model holds, or lies about sizes."""
    yield "a persistent id", b"Pos.system\n."
    yield "a persistent id from the stack", program(value("x"), b"Q")
    yield "an extension", program(b"\x82\x01")
    yield "an out-of-band buffer", program(b"\x97", protocol=5)
    yield "a protocol of the future", b"\x80\x09N."
    yield "an unknown opcode", program(b"\xee")
    yield "an empty stack", program(b"R")
    yield "no end", b"\x80\x04N"
    yield "a mark alone", program(b"(")
    yield "a pop too many", program(b"0")
    yield "a memo that is not there", program(b"h\x07")
    yield "a huge memo index", program(b"Nr\xff\xff\xff\x7f")
    yield "a huge string", program(b"\x8d" + struct.pack("<Q", 1 << 60) + b"x")
    yield "huge bytes", program(b"\x8e" + struct.pack("<Q", 1 << 62))
    yield "a huge byte array", program(b"\x96" + struct.pack("<Q", 1 << 62), protocol=5)
    yield "a negative string", program(b"T" + struct.pack("<i", -5))
    yield "a frame that lies", program(b"\x95" + struct.pack("<Q", 1 << 60), b"N")
    yield "a huge number", program(b"\x8b" + struct.pack("<i", 2**31 - 1))
    yield "a negative long", program(b"\x8b" + struct.pack("<i", -1))
    yield "a number as text", b"I" + b"9" * 5_000 + b"\n."
    yield "a string in Python 2's quotes", b"S'\\x00" + b"a" * 10 + b"\n."
    yield "surrogates", program(b"X" + struct.pack("<I", 3) + b"\xed\xa0\x80")
    yield "items onto a number", program(value(1), b"(K\x01K\x02e")
    yield "items onto an estimator", program(_ESTIMATOR, b"(K\x01K\x02e")
    yield "keys onto an estimator", program(_ESTIMATOR, b"(K\x01K\x02u")
    yield "an unhashable key", program(value({}) + b"(" + value([]) + b"K\x01u")
    yield "a dictionary of odd length", program(b"}(K\x01u")
    yield "elements of a set that call", program(b"\x8f(" + call(_SYSTEM, _TOUCH) + b"\x90")
    yield "two pickles", pickle.dumps(1) + program(call(_SYSTEM, _TOUCH))
    yield "a dictionary as the model", program(value({"model": 1}))
    yield "bytes as the model", program(value(Blob(b"harm")))


def _endless() -> Iterator[tuple[str, bytes]]:
    """Files that are small and ask for a great deal."""
    deep = 200_000
    laughs = [b"]\x94(K\x01e"]
    laughs.extend(b"](" + (b"h" + bytes([index])) * 10 + b"e\x94" for index in range(40))
    yield "deep lists", program(b"](" * deep + b"e" * deep)
    yield "deep tuples", program(b"N" + b"\x85" * deep)
    yield "deep dictionaries", program(b"}K\x01" * deep + b"N" + b"s" * deep)
    yield "deep calls", program(name("builtins", "list"), *repeat(b"(" + name("builtins", "list"), 1000))
    yield "a billion laughs", program(*laughs)
    yield "a list that holds itself", program(b"]\x94h\x00a")
    yield "a dictionary that holds itself as a key", program(b"}\x94h\x00Ns")
    yield "a tuple that holds itself", program(b"]\x94(h\x00t\x94a")
    yield "an estimator that holds itself", program(_ESTIMATOR, b"\x94}", value("estimator_"), b"h\x00sb")
    yield (
        "a pipeline that holds itself",
        program(
            new(name("sklearn.pipeline", "Pipeline")),
            b"\x94}",
            value("steps"),
            b"](" + b"(" + value("a") + b"h\x00te",
            b"sb",
        ),
    )
    yield "many marks", program(b"(" * 3_000_000)
    yield "many copies", program(b"N" + b"2" * 3_000_000)
    yield "a large range", program(call(name("builtins", "list"), call(name("builtins", "range"), 0, 1 << 40)))
    yield "a large byte array", program(call(name("builtins", "bytearray"), 1 << 45))
    yield "large bytes of a number", program(call(name("builtins", "bytes"), 1 << 45))
    yield "a large array", program(call(name("numpy", "zeros"), 1 << 45))
    yield "a large power", program(call(name("builtins", "pow"), 10, 1 << 40))
    yield (
        "a large decimal",
        program(
            call(name("decimal", "Decimal"), "1e999999999"),
            b"0",
            call(name("builtins", "int"), call(name("decimal", "Decimal"), "1e99999999")),
        ),
    )
