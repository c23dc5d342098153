"""Pickles and joblib files whose arrays and trees lie: types, sizes, addresses, children that are not there."""

import io
import pickle
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from support.files.hostile.assembly import (
    FALSE,
    TRUE,
    Blob,
    Piece,
    assemble,
    build,
    call,
    name,
    program,
    stack_name,
    value,
)
from support.files.hostile.kinds import MARK, Hostile, of_bytes

_ROWS = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5], [0.2, 3.0]])
_LABELS = np.array([0, 1, 1, 0])
_RECONSTRUCT = name("numpy.core.multiarray", "_reconstruct")
_NDARRAY = name("numpy", "ndarray")
_WRAPPER = name("joblib.numpy_pickle", "NumpyArrayWrapper")
_TOUCH = f"touch {MARK}"


def files() -> Iterator[Hostile]:
    """Each structure once."""
    for source in (_arrays, _wrappers, _trees):
        for what, content in source():
            yield of_bytes(f"structures: {what}", content)
    for what, model in _lying_estimators():
        yield of_bytes(f"structures: {what}", pickle.dumps(model))


def _dtype(kind: str, state: Any = None) -> bytes:
    dtype = call(name("numpy", "dtype"), kind, FALSE, TRUE)
    return build(dtype, state) if state is not None else dtype


def _array(dtype: bytes, content: Any, shape: tuple[int, ...] = (1,), kind: bytes = _NDARRAY) -> bytes:
    return build(call(_RECONSTRUCT, kind, (0,), value(Blob(b"b"))), (1, shape, dtype, False, content))


def _arrays() -> Iterator[tuple[str, bytes]]:
    address = value(Blob(b"\x10" + b"\0" * 7))
    plain = (3, "<", None, None, None, -1, -1, 0)
    yield "an array of objects from bytes", program(_array(_dtype("O8"), address))
    yield "an array of objects from text", program(_array(_dtype("O8"), "12345678"))
    yield (
        "a type that hides objects",
        program(_array(_dtype("V8", (3, "|", None, ("a",), {"a": (_dtype("O8"), 0)}, 8, 1, 0)), address)),
    )
    yield "a type with flags of objects", program(_array(_dtype("V8", (3, "|", None, None, None, 8, 1, 63)), address))
    yield (
        "a type with fields beyond its size",
        program(_array(_dtype("V8", (3, "|", None, ("a",), {"a": (_dtype("f8"), 800)}, 8, 1, 0)), address)),
    )
    yield (
        "a type with a negative offset",
        program(_array(_dtype("V8", (3, "|", None, ("a",), {"a": (_dtype("f8"), -800)}, 8, 1, 0)), address)),
    )
    yield "a type that is too large", program(_array(_dtype("V8", (3, "|", None, None, None, 1 << 62, 1, 0)), address))
    yield (
        "a subarray without end",
        program(_array(_dtype("V8", (3, "|", (_dtype("f8"), (1 << 40,)), None, None, 1 << 43, 1, 0)), address)),
    )
    yield "too few bytes", program(_array(_dtype("f8", plain), value(Blob(b"1234")), (1000,)))
    yield "a negative shape", program(_array(_dtype("f8", plain), address, (-1,)))
    yield "a shape that overflows", program(_array(_dtype("f8", plain), address, (1 << 33, 1 << 33)))
    yield "a rank without end", program(_array(_dtype("f8", plain), address, (1,) * 10_000))
    yield "an array class that is none", program(_array(_dtype("f8", plain), address, kind=name("builtins", "dict")))
    yield "a mapped array", program(_array(_dtype("f8", plain), address, kind=name("numpy", "memmap")))
    yield (
        "a record array with its own finalizer",
        program(_array(_dtype("f8", plain), address, kind=name("os", "system"))),
    )
    yield "a scalar of objects", program(call(name("numpy.core.multiarray", "scalar"), _dtype("O8"), address))
    yield (
        "a scalar of another size",
        program(call(name("numpy.core.multiarray", "scalar"), _dtype("f8"), value(Blob(b"1")))),
    )
    yield (
        "objects from a buffer",
        program(
            call(
                stack_name("numpy._core.numeric", "_frombuffer"),
                value(Blob(b"\x10" + b"\0" * 7)),
                _dtype("O8"),
                (1,),
                "C",
            )
        ),
    )
    yield (
        "a generator of another kind",
        program(call(name("numpy.random._pickle", "__bit_generator_ctor"), name("os", "system"))),
    )
    yield (
        "a generator by a function",
        program(call(name("numpy.random._pickle", "__generator_ctor"), "MT19937", name("os", "system"))),
    )
    yield "a sparse matrix that points out of itself", assemble(Piece(_sparse()))


def _sparse() -> bytes:
    from scipy.sparse import csr_matrix  # noqa: PLC0415  (for this one)

    matrix = csr_matrix(np.eye(2))
    matrix.indices[:] = 10**6
    model = KNeighborsClassifier(1).fit(csr_matrix(np.eye(2)), [0, 1])
    model._fit_X = matrix
    return pickle.dumps(model, 2)[2:-1]


def _joblib(wrapper: NumpyArrayWrapper, content: bytes) -> bytes:
    file = io.BytesIO()
    body = pickle.dumps(wrapper, 2)[:-1]
    file.write(body)
    file.write(content)
    file.write(b".")
    return file.getvalue()


def _wrappers() -> Iterator[tuple[str, bytes]]:
    wrap = partial(NumpyArrayWrapper, np.ndarray, order="C")
    inner = program(call(name("os", "system"), _TOUCH))
    yield "an array beyond the file", _joblib(wrap(shape=(1 << 40,), dtype=np.dtype("f8")), b"\x00" * 16)
    yield "an array of a negative shape", _joblib(wrap(shape=(-4,), dtype=np.dtype("f8")), b"\x00" * 16)
    yield "an array whose size overflows", _joblib(wrap(shape=(1 << 32, 1 << 32), dtype=np.dtype("f8")), b"\x00" * 16)
    yield "a pickle in an array of objects", _joblib(wrap(shape=(1,), dtype=np.dtype("O")), inner)
    yield "the same, packed", zlib.compress(_joblib(wrap(shape=(1,), dtype=np.dtype("O")), inner))
    nested = b""
    for _ in range(2_000):
        nested = pickle.dumps(wrap(shape=(1,), dtype=np.dtype("O")), 2)[:-1] + nested
    yield "arrays of objects without end", nested
    yield (
        "a wrapper with a class that is called",
        program(
            build(
                _WRAPPER + b")\x81",
                {
                    "subclass": name("os", "system"),
                    "shape": (1,),
                    "order": "C",
                    "dtype": _dtype("f8"),
                    "allow_mmap": False,
                },
            )
        )
        + b"\x00" * 64,
    )
    yield (
        "a wrapper that maps a file",
        program(
            build(
                _WRAPPER + b")\x81",
                {
                    "subclass": _NDARRAY,
                    "shape": (1,),
                    "order": "C",
                    "dtype": _dtype("f8"),
                    "allow_mmap": True,
                    "unpickler": 1,
                },
            )
        )
        + b"\x00" * 64,
    )
    yield "a wrapper as a class with a state", program(build(_WRAPPER, {"read": name("os", "system")}))
    yield "a bomb", _bomb()
    yield (
        "a joblib older than 0.10",
        program(
            build(
                name("joblib.numpy_pickle_compat", "NDArrayWrapper") + b")\x81",
                {"filename": "canary.txt", "subclass": _NDARRAY, "allow_mmap": True},
            )
        ),
    )
    yield (
        "a compressed array of an old joblib",
        program(
            build(
                name("joblib.numpy_pickle_compat", "ZNDArrayWrapper") + b")\x81",
                {"filename": "canary.txt", "init_args": (_NDARRAY, (0,), value(Blob(b"b"))), "state": 1},
            )
        ),
    )


def _bomb() -> bytes:
    packer = zlib.compressobj(9)
    zeros = b"\0" * (1 << 20)
    packed = [packer.compress(program(b"C\x01x")[:-1] + b"\x8e" + (1 << 33).to_bytes(8, "little"))]
    packed += [packer.compress(zeros) for _ in range(600)]
    return b"".join((*packed, packer.flush()))


def _trees() -> Iterator[tuple[str, bytes]]:
    """Fitted trees whose nodes lead out of the tree, or round in it."""
    for what, spoil in _SPOILT.items():
        yield what, _spoilt_tree(spoil)
    for what, column, number in (("left", "left", 10**9), ("a loop", "left", 0), ("a column", "feature_idx", 10**9)):
        model = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=1).fit(_ROWS, _LABELS)
        nodes = model._predictors[0][0].nodes
        nodes[column][0] = number
        yield f"a histogram tree with {what} that is not there", pickle.dumps(model, 4)
    model = KNeighborsClassifier(1, algorithm="kd_tree").fit(_ROWS, _LABELS)
    kind, arguments, state = model._tree.__reduce__()
    indices = np.asarray(state[1]).copy()
    indices[:] = 10**9
    model._tree = Piece(
        build(
            value(call(name(kind.__module__, kind.__name__), *(pickle.dumps(each, 2)[2:-1] for each in arguments))),
            tuple(pickle.dumps(each, 2)[2:-1] for each in (state[0], indices, *state[2:])),
        )
    )
    yield "a search tree with rows that are not there", assemble(model)


def _lying_estimators() -> Iterator[tuple[str, Any]]:
    """Fitted estimators whose sizes and indices lie to compiled code."""
    machine = SVC().fit(_ROWS, _LABELS)
    machine.support_vectors_ = machine.support_vectors_[:1]
    yield "a support vector machine without its vectors", machine
    machine = SVC().fit(_ROWS, _LABELS)
    machine._n_support[0] = 10**6
    yield "a support vector machine with more support than it has", machine
    machine = SVC(kernel="precomputed").fit(_ROWS @ _ROWS.T, _LABELS)
    machine.support_[0] = 10**8
    yield "a precomputed kernel with rows that are not there", machine
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["a few words", "of text"], [0, 1])
    texts[0].vocabulary_["words"] = 10**8
    yield "a word whose column is not there", texts
    spline = make_pipeline(SplineTransformer(), LogisticRegression()).fit(_ROWS, _LABELS)
    spline[0].bsplines_[0].__dict__["_c"] = np.ones((1, 7))
    yield "a spline without coefficients", spline
    narrow, wide = KMeans(2, n_init=1).fit(_ROWS), np.ones((2, 10**6))
    narrow.cluster_centers_ = wide
    yield "centres that are wider than the rows", narrow
    forest, other = RandomForestClassifier(2).fit(_ROWS, _LABELS), np.tile(_ROWS, (1, 500))
    forest.estimators_ = RandomForestClassifier(20).fit(other, _LABELS).estimators_
    yield "trees that read more columns than the forest takes", forest


def _spoilt_tree(spoil: Callable[[dict[str, Any]], None]) -> bytes:
    model = DecisionTreeClassifier(random_state=0).fit(_ROWS, _LABELS)
    kind, arguments, state = model.tree_.__reduce__()
    state = {key: member.copy() if isinstance(member, np.ndarray) else member for key, member in state.items()}
    spoil(state)
    parts = [pickle.dumps(each, 2)[2:-1] for each in arguments]
    model.tree_ = Piece(build(call(name(kind.__module__, kind.__name__), *parts), pickle.dumps(state, 2)[2:-1]))
    return assemble(model)


def _set(field: str, number: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(state: dict[str, Any]) -> None:
        state["nodes"][field][0] = number

    return spoil


def _shorten(state: dict[str, Any]) -> None:
    state["values"] = state["values"][:1]


def _count(state: dict[str, Any]) -> None:
    state["node_count"] = 10**6


_SPOILT: dict[str, Callable[[dict[str, Any]], None]] = {
    "a tree with a left child beyond it": _set("left_child", 10**9),
    "a tree with a right child beyond it": _set("right_child", 10**9),
    "a tree with a negative child": _set("left_child", -77),
    "a tree that goes round": _set("left_child", 0),
    "a tree with a column that is not there": _set("feature", 10**8),
    "a tree with fewer values than nodes": _shorten,
    "a tree with more nodes than it holds": _count,
}
