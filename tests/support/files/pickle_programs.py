"""Random programs out of allowed names and opcodes, loaded and asked under an audit hook. Run as a program: SEED COUNT.

It ends with status 1, and prints what happened, when a program opened, started, connected or imported anything. What the
lists name is imported before, so that nothing is left to import.
"""

import faulthandler
import importlib
import io
import pickle
import random
import struct
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from modelway_server.runtimes.pickle.allowed_names import _lists
from modelway_server.runtimes.pickle.load import make
from modelway_server.runtimes.pickle.machine import read
from modelway_server.runtimes.pickle.trace import Call, Dict, Global, Items, Node
from modelway_server.runtimes.trust import trust

if TYPE_CHECKING:
    from collections.abc import Callable

ACTS = (
    "open",
    "os.",
    "subprocess.",
    "socket.",
    "import",
    "exec",
    "compile",
    "ctypes.dlopen",
    "shutil.",
    "tempfile.",
    "pickle.find_class",
    "marshal.",
)
METHODS = ("predict", "predict_proba", "transform", "decision_function", "score_samples")
ATTRIBUTES = (
    "steps", "estimators_", "estimator", "func", "inverse_func", "kw_args", "coef_", "classes_", "input", "tokenizer",
    "__call__", "__array_interface__", "__class__", "predict", "stack_method_", "n_features_in_", "tree_", "nodes",
    "handle", "_handle", "kernel_", "metric", "random_state", "_mgr", "data", "indptr", "indices", "_shape",
)  # fmt: skip
CONSTANTS: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    2**40,
    0.5,
    "x",
    "predict",
    "filename",
    "latin1",
    b"",
    b"12345678",
    "os.system",
)
ROWS = (np.zeros((2, 2)), ["a", "b"])
Random = random.Random


def names() -> list[tuple[str, str]]:
    """Every listed name, as module and name."""
    names = []
    for full in sorted(_lists()):
        module, _, name = full.rpartition(".")
        names.append((module, name))
    return names


def import_all(listed: list[tuple[str, str]]) -> None:
    """Import what any listed name needs."""
    for codec in ("ascii", "latin_1", "raw_unicode_escape", "unicode_escape", "utf_32_le", "utf_32_be"):
        importlib.import_module(f"encodings.{codec}")  # the reader's own
    importlib.import_module("sklearn.utils._pprint")  # an error that shows an estimator
    for module, _ in listed:
        with suppress(ImportError):
            importlib.import_module(module)


class Program:
    """A random stream of opcodes that is mostly well-formed."""

    def __init__(self, chance: Random, listed: list[tuple[str, str]]) -> None:
        self._chance, self._listed, self._out, self._depth = chance, listed, io.BytesIO(), 0

    def bytes(self) -> bytes:
        """The program: one value is left in the end."""
        for _ in range(self._chance.randint(1, 6)):
            self._value(0)
        self._out.write(b"\x85" if self._chance.random() < 0.1 else b"")
        return b"\x80\x04(" + self._out.getvalue() + b"l."

    def _value(self, depth: int) -> None:
        ways: tuple[Callable[[int], None], ...] = (
            self._constant,
            self._name,
            self._call,
            self._object,
            self._container,
        )
        self._chance.choice(ways if depth < 5 else ways[:2])(depth)

    def _constant(self, _: int) -> None:
        self._out.write(pickle.dumps(self._chance.choice(CONSTANTS), 0)[:-1])

    def _name(self, _: int) -> None:
        module, name = self._chance.choice(self._listed)
        self._out.write(f"c{module}\n{name}\n".encode())

    def _many(self, depth: int, least: int = 0) -> None:
        for _ in range(self._chance.randint(least, 3)):
            self._value(depth + 1)

    def _call(self, depth: int) -> None:
        self._name(depth)
        self._out.write(b"(")
        self._many(depth)
        self._out.write(b"t" + self._chance.choice((b"R", b"\x81", b"R")))
        if self._chance.random() < 0.5:
            self._state(depth)

    def _object(self, depth: int) -> None:
        self._name(depth)
        self._out.write(b")\x81")
        self._state(depth)

    def _state(self, depth: int) -> None:
        if self._chance.random() < 0.2:
            self._value(depth + 1)
        else:
            self._out.write(b"}(")
            for name in self._chance.sample(ATTRIBUTES, self._chance.randint(0, 3)):
                self._out.write(b"X" + struct.pack("<I", len(name)) + name.encode())
                self._value(depth + 1)
            self._out.write(b"u")
        self._out.write(b"b")

    def _container(self, depth: int) -> None:
        self._out.write(b"(")
        self._many(depth)
        self._out.write(self._chance.choice((b"t", b"l")))


def honest() -> list[bytes]:
    """Pickles of models, to be changed in one place each."""
    chance = np.random.default_rng(0)
    rows, kinds = chance.normal(size=(40, 2)), np.repeat([0, 1], 20)
    models: list[Any] = [
        make_pipeline(StandardScaler(), FunctionTransformer(np.abs), RandomForestClassifier(3)),
        VotingClassifier([("a", SVC(probability=False)), ("b", KNeighborsClassifier(algorithm="kd_tree"))]),
        GradientBoostingClassifier(n_estimators=3),
        LogisticRegression(),
    ]
    texts = make_pipeline(TfidfVectorizer(), Ridge()).fit(["a b cd", "cd ef"], [0, 1])
    return [pickle.dumps(model.fit(rows, kinds), 4) for model in models] + [pickle.dumps(texts, 4)]


def mutate(content: bytes, chance: Random, listed: list[tuple[str, str]]) -> Any:
    """The trace of a model, one to three values of it replaced by another name, node or constant."""
    trace = read(content)
    nodes = [step for step in trace.steps if isinstance(step, Node)]
    for _ in range(chance.randint(1, 3)):
        node = chance.choice(nodes)
        if isinstance(node, Global):
            node.module, node.name = chance.choice(listed)
        elif isinstance(node, Items | Dict) and node.items:
            node.items[chance.randrange(len(node.items))] = chance.choice(
                (chance.choice(CONSTANTS), chance.choice(nodes))
            )
        elif isinstance(node, Call):
            other = chance.choice(nodes)
            node.state, node.function = chance.choice(((node.state, other), (other, node.function)))
    return trace


def ask(model: Any) -> None:
    """Every method, with numbers and with texts."""
    for method in METHODS:
        for rows in ROWS:
            with suppress(Exception):
                getattr(model, method)(rows)


def main(seed: int, count: int) -> None:
    """Load and ask so many programs."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    listed, models, acts = names(), honest(), list[str]()
    import_all(listed)
    nobody = trust((), {})
    for content in models:
        ask(make(read(content), nobody))
    sys.addaudithook(
        lambda event, arguments: acts.append(f"{event} {arguments!r:.200}") if event.startswith(ACTS) else None
    )
    loaded = 0
    for number in range(count):
        chance = Random(seed * 1_000_000 + number)
        program = Program(chance, listed).bytes() if number % 2 else b""
        model: Any = None
        with suppress(Exception):
            trace = read(program) if program else mutate(chance.choice(models), chance, listed)
            model = make(trace, nobody)
            loaded += 1
        ask(model[0] if isinstance(model, list) and model else model)
        if acts:
            sys.exit(f"program {number} of seed {seed}: {acts[:3]}")
    sys.stdout.write(f"{loaded}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
