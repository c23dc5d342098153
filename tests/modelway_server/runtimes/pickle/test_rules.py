"""The reader of pickles: what it builds is what pickle builds; what its rules refuse is refused by name of the rule."""

import builtins
import io
import operator
import pickle
import warnings
import zoneinfo
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.random._pickle
import pandas as pd
import pytest
import scipy.interpolate
import scipy.sparse
from numpy.testing import assert_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.metrics import _dist_metrics, make_scorer, mean_squared_error
from sklearn.neighbors import KDTree
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

from modelway_server.errors import InvalidArtifact, UnsafeArtifact
from modelway_server.runtimes.content import is_compressed
from modelway_server.runtimes.pickle.load import load
from modelway_server.runtimes.trust import trust
from support.models import WINE, WINE_KINDS

MEMORY: Any = np.ndarray
NOBODY = trust((), {})


def read(content: bytes, folder: Path) -> Any:
    path = folder / "model"
    path.write_bytes(content)
    return load(path, NOBODY, compressed=is_compressed(path))


def refusal_of(thing: Any, folder: Path) -> str:
    with pytest.raises(UnsafeArtifact) as error:
        read(thing if isinstance(thing, bytes) else pickle.dumps(thing), folder)
    return error.value.message


FRAME = pd.DataFrame(
    {
        "number": [1.0, np.nan, 3.0],
        "text": ["a", None, "c"],
        "kind": pd.Categorical(["x", "y", "x"]),
        "day": pd.date_range("2020-01-01", periods=3),
        "zoned": pd.date_range("2020-01-01", periods=3, tz="Europe/Berlin"),
        "long": pd.array([1, None, 3], dtype="Int64"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "word": pd.array(["a", None, "b"], dtype="string"),
        "month": pd.period_range("2020-01", periods=3, freq="M"),
        "range": pd.interval_range(0, 3),
        "any": np.array([1, "a", None], dtype=object),
    }
)
VALUES: list[Any] = [
    [1, 2**70, -5, 1.5, None, True, "é", b"\xff\x00", (), {"a": {1, 2}}, frozenset({3})],
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.array(["a", "bc"]),
    np.array([1, "a", None], dtype=object),
    np.array(["2020-01-01"], dtype="M8[ns]"),
    np.zeros(2, dtype=[("x", "i4"), ("y", "f8", (2,))]),
    np.float32(1.5),
    {"a": np.int64(3)},
    partial(np.sum, axis=1),
]


@pytest.mark.parametrize("protocol", range(6))
def test_objects_are_built_as_pickle_builds_them(tmp_path: Path, protocol: int) -> None:
    for value in VALUES:
        content = pickle.dumps(value, protocol)
        ours, theirs = read(content, tmp_path), pickle.loads(content)
        assert type(ours) is type(theirs)
        if isinstance(value, partial):
            assert (ours.func, ours.args, ours.keywords) == (theirs.func, theirs.args, theirs.keywords)
        else:
            assert_equal(ours, theirs)


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_joblib_files_are_built_as_joblib_builds_them(tmp_path: Path, compress: Any) -> None:
    path = tmp_path / "model"
    for value in (VALUES, Ridge().fit(WINE, WINE_KINDS).coef_, np.arange(3).astype(">i8")):
        joblib.dump(value, path, compress=compress)
        ours = load(path, NOBODY, compressed=is_compressed(path))
        if isinstance(value, np.ndarray):
            assert_equal(ours, joblib.load(path))
            assert ours.dtype == joblib.load(path).dtype
        else:
            assert len(ours) == len(VALUES)


@pytest.mark.parametrize("protocol", range(6))
def test_table_of_pandas_is_built_with_its_types(tmp_path: Path, protocol: int) -> None:
    for table in (FRAME, FRAME.set_index(["text", "number"]), FRAME["kind"], FRAME[["number"]]):
        ours = read(pickle.dumps(table, protocol), tmp_path)
        same: Any = pd.testing.assert_series_equal if isinstance(table, pd.Series) else pd.testing.assert_frame_equal
        same(ours, table)


def test_object_that_holds_itself_is_built(tmp_path: Path) -> None:
    knot: list[Any] = [1]
    knot.append((knot, {"again": knot}))
    ours = read(pickle.dumps(knot), tmp_path)
    assert ours[1][0] is ours
    assert ours[1][1]["again"] is ours


def change(estimator: Any, **attributes: Any) -> Any:
    vars(estimator).update(attributes)
    return estimator


WITH_RULE: dict[str, tuple[Callable[[], Any], str]] = {
    "a method that estimators have not": (
        lambda: change(StackingClassifier([("a", Ridge())]), stack_method_=["__init_subclass__"]),
        "methods",
    ),
    "a scorer's method": (
        lambda: change(make_scorer(mean_squared_error), _response_method="set_params"),
        "methods",
    ),
    "a getter that leads to a private name": (
        lambda: SelectFromModel(Ridge(), importance_getter="fit.__globals__"),
        "methods",
    ),
    "a member that is no estimator": (lambda: Pipeline([("a", Bunch(predict=np.sum))]), "members"),
    "a frozen function": (lambda: FrozenEstimator(np.log1p), "members"),
    "a class as a member": (lambda: VotingClassifier([("a", Ridge)]), "members"),
    "a transformer that is a container": (lambda: ColumnTransformer([("a", Bunch(), [0])]), "members"),
    "a function that is an object": (lambda: FunctionTransformer(Ridge()), "functions"),
    "memory as a function": (lambda: FunctionTransformer(np.ndarray), "functions"),
    "memory with arguments": (lambda: FunctionTransformer(partial(MEMORY, (3,))), "functions"),
    "an attribute that hides a method": (lambda: change(Ridge(), predict=np.sum), "attributes"),
    "an attribute that Python asks for": (lambda: change(Ridge(), __sklearn_tags__=np.sum), "attributes"),
    "an address": (lambda: Bunch(__array_interface__={"data": (1, True)}), "attributes"),
    "an address behind a label": (
        lambda: pd.Series([{"data": (1, True)}], index=["__array_interface__"], dtype=object),
        "attributes",
    ),
    "names of files": (lambda: CountVectorizer(input="filename"), "files"),
    "files": (lambda: make_pipeline(CountVectorizer(input="file")), "files"),
    "a codec by a path": (lambda: CountVectorizer(encoding="../x"), "files"),
    "a sparse matrix that leads out": (
        lambda: change(scipy.sparse.csr_matrix(np.eye(2)), indices=np.array([0, 9], dtype=np.int32)),
        "structure",
    ),
}


@pytest.mark.parametrize("what", WITH_RULE)
def test_what_a_model_would_do_when_asked_is_refused(tmp_path: Path, what: str) -> None:
    make, rule = WITH_RULE[what]
    assert f"rule {rule}" in refusal_of(make(), tmp_path)


def test_refusal_says_where_it_is_in_the_file(tmp_path: Path) -> None:
    model = Pipeline([("a", StandardScaler()), ("b", FunctionTransformer(operator.attrgetter("x")))])
    message = refusal_of(model, tmp_path)
    assert "operator.attrgetter" in message
    assert "steps[1][1].func" in message
    assert "rule names, byte " in message


STREAMS = {
    "a persistent id": (b"P1\n.", "PERSID"),
    "an extension": (b"\x80\x02\x82\x01.", "EXT1"),
    "a buffer outside": (b"\x80\x05\x97.", "NEXT_BUFFER"),
    "a copy on the stack": (b"N2.", "DUP"),
    "a call of a result": (b"cbuiltins\nset\n)R)R.", "rule calls"),
    "a call of a text": (b"X\x01\x00\x00\x00a)R.", "rule calls"),
    "a state of a name": (b"cbuiltins\nset\n}b.", "rule state"),
    "a state twice": (b"ctypes\nSimpleNamespace\n)R}b}b.", "rule state"),
    "items of a tuple": (b")Na.", "rule state"),
    "a class called": (b"csklearn.linear_model\nRidge\n)R.", "rule calls"),
    "an object with arguments": (b"\x80\x02csklearn.linear_model\nRidge\nI1\n\x85\x81.", "rule arguments"),
    "a mutable key": (b"}(csklearn.linear_model\nRidge\n)\x81Nu.", "rule arguments"),
    "an array of addresses": (b"cnumpy\nndarray\n((I1\nltR.", "rule calls"),
    "a file of XGBoost": (b"cxgboost.core\nBooster\n(N)X\x01\x00\x00\x00xtR.", "rule calls"),
    "a name with a NUL": (b"cos\x00\nsystem\n.", "rule names"),
    "a long name": (b"c" + b"a" * 100_000 + b"\nsystem\n.", "rule names"),
    "deep marks": (b"(" * 100_000 + b".", "rule bounds"),
    "deep lists": (b"]" * 100_000 + b"a" * 99_999 + b".", "rule bounds"),
    "an index that is memory": (
        b"cpandas.core.indexes.base\n_new_Index\n(cnumpy\nndarray\n}X\x05\x00\x00\x00shape(I1\ntstR.",
        "rule arguments",
    ),
    "a generator that calls": (
        b"cnumpy.random._pickle\n__generator_ctor\n(X\x01\x00\x00\x00xcbuiltins\nlist\ntR.",
        "rule arguments",
    ),
    "a generator of another class": (
        b"cnumpy.random._pickle\n__bit_generator_ctor\n(cbuiltins\nlist\ntR.",
        "rule arguments",
    ),
    "a search tree of another class": (
        b"csklearn.neighbors._kd_tree\nnewObj\n(csklearn.linear_model\nRidge\ntR}b.",
        "rule arguments",
    ),
    "a block of a function": (b"cpandas._libs.internals\n_unpickle_block\n(cnumpy\nsum\nI0\nI1\ntR.", "rule arguments"),
    "items of an estimator": (b"csklearn.linear_model\nRidge\n)\x81(I1\nI2\nu.", "rule state"),
    "a base that is no base": (
        b"ccopyreg\n_reconstructor\n(csklearn.linear_model\nRidge\ncbuiltins\ndict\n}tR.",
        "rule arguments",
    ),
}


@pytest.mark.parametrize("what", STREAMS)
def test_stream_that_no_model_is_written_with_is_refused(tmp_path: Path, what: str) -> None:
    content, words = STREAMS[what]
    assert words in refusal_of(content, tmp_path)


def test_array_larger_than_the_file_is_damage(tmp_path: Path) -> None:
    file = io.BytesIO()
    joblib.dump(np.zeros(3), file)
    with pytest.raises(InvalidArtifact, match="truncated or damaged"):
        read(file.getvalue()[:-1], tmp_path)
    with pytest.raises(InvalidArtifact, match="truncated or damaged"):
        read(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", tmp_path)


def test_keys_that_unfold_for_ever_are_refused(tmp_path: Path) -> None:
    knots = b")" + b"".join(b"q%c0h%ch%c\x86" % (n, n, n) for n in range(60))
    assert "rule arguments" in refusal_of(b"\x80\x02}(" + knots + b"Nu.", tmp_path)


def test_values_that_unfold_for_ever_are_refused(tmp_path: Path) -> None:
    wide = b"(" + b"h%c" * 100 + b"t"
    knots = b")" + b"".join((b"q%c0" % n) + wide % ((n,) * 100) for n in range(6))
    content = b"\x80\x02coperator\nitemgetter\n" + knots + b"\x85R."
    assert "rule arguments" in refusal_of(content, tmp_path)


def test_bytes_out_of_a_thousand_calls_are_refused(tmp_path: Path) -> None:
    nested = b"cbuiltins\nbytes\n" * 2000 + b")R" + b"\x85R" * 1999
    content = b"\x80\x02cdatetime\ndate\n" + nested + b"\x85R."
    assert "rule arguments" in refusal_of(content, tmp_path)


def test_built_in_that_reaches_others_is_none_of_the_names(tmp_path: Path) -> None:
    for name in dir(builtins):
        if name in {"eval", "exec", "compile", "open", "getattr", "setattr", "type", "vars", "globals", "map", "input"}:
            assert f"builtins.{name}" in refusal_of(b"cbuiltins\n%s\n)R." % name.encode(), tmp_path)


@pytest.mark.parametrize("model", [GradientBoostingClassifier(n_estimators=3), CalibratedClassifierCV(cv=2)])
def test_model_answers_as_it_did_before_it_was_saved(tmp_path: Path, model: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(WINE, WINE_KINDS)
    for protocol in (0, 2, 5):
        ours = read(pickle.dumps(model, protocol), tmp_path)
        assert_equal(ours.predict_proba(WINE), model.predict_proba(WINE))


def break_state(part: Any, **attributes: Any) -> bytes:
    """The pickle of an object, some of its state written over."""

    class Writer(pickle.Pickler):
        def reducer_override(self, thing: Any) -> Any:
            if type(thing) is not type(part):
                return NotImplemented
            function, arguments, state, *_ = thing.__reduce_ex__(2)
            return function, arguments, {**state, **attributes}

    file = io.BytesIO()
    Writer(file).dump(part)
    return file.getvalue()


def test_table_whose_codes_lead_out_is_refused(tmp_path: Path) -> None:
    codes = np.array([0, 9], dtype=np.int8)
    wrong: Any = pd.Categorical(["x", "y"])
    wrong._ndarray[:] = codes
    index = pd.MultiIndex([["a", "b"], [1]], [[0, 1], [0, 0]])
    far = pd.MultiIndex([["a", "b"], [1]], [[0, 7], [0, 0]], verify_integrity=False)
    assert len(read(pickle.dumps(index), tmp_path)) == 2
    for table in (wrong, pd.Series(wrong), far):
        assert "rule structure" in refusal_of(table, tmp_path)


def test_generator_whose_place_leads_out_is_refused(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    state: Any = random.get_state(legacy=False)
    assert read(pickle.dumps(random), tmp_path).randint(10) == np.random.RandomState(0).randint(10)
    state["state"]["pos"] = 65_535
    random.set_state(state)
    assert "rule structure" in refusal_of(random, tmp_path)


def test_spline_with_too_few_coefficients_is_refused(tmp_path: Path) -> None:
    spline = scipy.interpolate.BSpline(np.arange(8.0), np.ones(4), 3)
    assert read(pickle.dumps(spline), tmp_path)(3.5) == pytest.approx(1)
    assert "rule structure" in refusal_of(break_state(spline, _c=np.ones(1)), tmp_path)


class Rebuilt:
    """Pickles as a call of a function, and a state."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self._reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self._reduced


BUFFER = {"shape": (1,), "buffer": b"\x01" * 8, "dtype": np.dtype("O")}
NEW_INDEX: Any = import_module("pandas.core.indexes.base")._new_Index
NEW_DATES: Any = import_module("pandas.core.indexes.datetimes")._new_DatetimeIndex
NEW_METRIC: Any = vars(_dist_metrics)["newObj"]
NEW_GENERATOR: Any = vars(numpy.random._pickle)["__generator_ctor"]
NEW_BITS: Any = vars(numpy.random._pickle)["__bit_generator_ctor"]
MISUSED = {
    "an index of memory": Rebuilt(NEW_INDEX, MEMORY, BUFFER),
    "dates of memory": Rebuilt(NEW_DATES, MEMORY, BUFFER),
    "an index of another class": Rebuilt(NEW_INDEX, pd.DataFrame, {"data": 1}),
    "a metric of another class": Rebuilt(NEW_METRIC, CountVectorizer, state={"input": "filename"}),
    "bits of another class": Rebuilt(NEW_BITS, pd.DataFrame),
    "a generator by another class": Rebuilt(NEW_GENERATOR, "Europe/Berlin", zoneinfo.ZoneInfo),
}


@pytest.mark.parametrize("what", MISUSED)
def test_rebuilder_takes_only_classes_of_its_own(tmp_path: Path, what: str) -> None:
    assert "with other arguments than its library writes" in refusal_of(MISUSED[what], tmp_path)


@pytest.mark.parametrize("key", ["strip_accents", "_anything"])
@pytest.mark.parametrize("called", [zoneinfo.ZoneInfo, pd.DataFrame, partial, MEMORY])
def test_class_that_a_model_may_call_only_converts(tmp_path: Path, key: str, called: Any) -> None:
    vectorizer = CountVectorizer()
    setattr(vectorizer, key, called)
    assert "as data" in refusal_of(vectorizer, tmp_path)


def test_state_that_is_filled_after_it_is_set_is_held_too(tmp_path: Path) -> None:
    words: dict[str, int] = {}
    vectorizer = CountVectorizer()
    vectorizer.vocabulary_ = words
    output = io.BytesIO()
    pickler = pickle.Pickler(output, 2)
    pickler.dump([words, vectorizer])
    number = next(number for number, value in pickler.memo.copy().values() if value is words)
    later = b"h" + bytes([number]) + b"X\x01\0\0\0aM\xff\xffs0."
    assert "leads out of it" in refusal_of(output.getvalue()[:-1] + later, tmp_path)


def test_search_tree_whose_state_is_a_tuple_is_built(tmp_path: Path) -> None:
    assert read(pickle.dumps(KDTree(np.eye(3))), tmp_path).data.shape == (3, 3)


def test_booster_of_lightgbm_without_a_model_is_refused(tmp_path: Path) -> None:
    content = b"\x80\x02clightgbm.basic\nBooster\n)\x81}X\x07\0\0\0_handleNsb."
    assert "no saved booster" in refusal_of(content, tmp_path)
