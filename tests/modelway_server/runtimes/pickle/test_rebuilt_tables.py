"""Calls that rebuild pandas' tables, and names in the place of attributes: what the libraries write is taken, and no more."""

import pickle
import re
import zoneinfo
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import interp1d
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import mutual_info_classif
from sklearn.preprocessing import FunctionTransformer

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.pickle.load import load
from modelway_server.runtimes.pickle.machine import read
from modelway_server.runtimes.pickle.trace import Global
from modelway_server.runtimes.trust import Trust
from support.models import WINE, WINE_KINDS
from support.trained.estimators import example

NOBODY = Trust()
FRAME = pd.DataFrame({"number": [1.0, 2.0], "kind": pd.Categorical(["x", "y"]), "flag": [True, False]})


def load_bytes(content: bytes, folder: Path) -> Any:
    path = folder / "model"
    path.write_bytes(content)
    return load(path, NOBODY, compressed=False)


def call_of(name: str, *arguments: Any) -> bytes:
    """A call of a name, whatever it is given."""
    module, _, last = name.rpartition(".")
    items = b"".join(pickle.dumps(each, 2)[2:-1] for each in arguments)
    return b"\x80\x02(lc" + module.encode() + b"\n" + last.encode() + b"\n(" + items + b"tRa."


_ONES = np.ones((1, 2))
_SPARSE = pd.arrays.SparseArray([0.0, 1.0, 0.0, 2.0], fill_value=0.0)
WRONG: dict[str, tuple[Any, ...]] = {
    "a block of text": ("pandas._libs.internals._unpickle_block", "text", slice(0, 1), 2),
    "a block of a list": ("pandas._libs.internals._unpickle_block", [1.0], slice(0, 1), 1),
    "a block of three dimensions": ("pandas._libs.internals._unpickle_block", _ONES, slice(0, 1), 3),
    "a block at a text": ("pandas._libs.internals._unpickle_block", _ONES, "0", 2),
    "a block with more": ("pandas._libs.internals._unpickle_block", _ONES, slice(0, 1), 2, None),
    "a manager of text": ("pandas.core.internals.managers.BlockManager", ("text",), [pd.Index([0]), pd.Index([0])]),
    "a manager without axes": ("pandas.core.internals.managers.BlockManager", (), []),
    "a manager that looks at nothing": ("pandas.core.internals.managers.BlockManager", (), [1, 2], False),
    "a sparse index that looks at nothing": ("pandas._libs.sparse.IntIndex", 4, np.array([9], np.int32), False),
    "a sparse index of a list": ("pandas._libs.sparse.IntIndex", 4, [1]),
    "a sparse index of a negative length": ("pandas._libs.sparse.IntIndex", -4, np.array([1], np.int32)),
    "a period of an array": ("pandas.core.dtypes.dtypes.PeriodDtype", _ONES),
    "a text type of an array": ("pandas.core.arrays.string_.StringDtype", _ONES),
    "a text type whose missing one is a number": ("pandas.core.arrays.string_.StringDtype", "python", 5),
    "an offset of an array": ("pandas.DateOffset", _ONES),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_pandas_does_not_write_is_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(UnsafeArtifact, match="rule arguments"):
        load_bytes(call_of(*WRONG[what]), tmp_path)


@pytest.mark.parametrize("protocol", range(6))
def test_tables_and_columns_of_pandas_are_taken(tmp_path: Path, protocol: int) -> None:
    tables = [FRAME, FRAME["kind"], FRAME["number"], pd.Series(_SPARSE), pd.Series(pd.period_range("2024", periods=2))]
    tables += [
        pd.Series(pd.interval_range(0, 2)),
        pd.Series(["a", None], dtype="str"),
        pd.Series([1, None], dtype="Int64"),
    ]
    for table in tables:
        again = load_bytes(pickle.dumps(table, protocol), tmp_path)
        assert again.equals(table), table.dtypes if hasattr(table, "dtypes") else table


def test_sparse_column_with_too_few_values_is_refused(tmp_path: Path) -> None:
    far: Any = pd.arrays.SparseArray([0.0, 1.0, 0.0, 2.0], fill_value=0.0)
    far._sparse_values = far._sparse_values[:1]
    with pytest.raises(UnsafeArtifact, match="parts disagree"):
        load_bytes(pickle.dumps(far), tmp_path)


def test_column_that_hides_what_is_missing_is_refused(tmp_path: Path) -> None:
    column: Any = pd.array([1, 2], dtype="Int64")
    column._mask = np.zeros(1, dtype=bool)
    with pytest.raises(UnsafeArtifact, match="parts disagree"):
        load_bytes(pickle.dumps(column), tmp_path)


@pytest.mark.parametrize("protocol", range(6))
def test_methods_of_text_split_and_change_words(tmp_path: Path, protocol: int) -> None:
    words = CountVectorizer(tokenizer=str.split, preprocessor=str.lower, token_pattern=None).fit(["A few", "few words"])
    again = load_bytes(pickle.dumps(words, protocol), tmp_path)
    assert again.transform(["FEW words"]).toarray().tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_linear_interpolation_is_taken(tmp_path: Path, protocol: int) -> None:
    again = load_bytes(pickle.dumps(interp1d([0.0, 1.0], [0.0, 2.0]), protocol), tmp_path)
    assert again(0.5) == 1.0


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["StackingClassifier", "IterativeImputer"])
def test_estimator_that_holds_tuples_and_bunches_is_taken(tmp_path: Path, name: str, protocol: int) -> None:
    model = example(name).estimator
    again = load_bytes(pickle.dumps(model, protocol), tmp_path)
    assert np.array_equal(again.transform(example(name).rows), model.transform(example(name).rows))


@pytest.mark.parametrize(
    "method", [str.format, str.encode, str.join, str.translate, bytes.decode, dict.update, list.sort, object.__reduce__]
)
def test_other_methods_of_pythons_types_are_refused(tmp_path: Path, method: Any) -> None:
    model = CountVectorizer().fit(["a few"])
    model.tokenizer = method
    with pytest.raises(UnsafeArtifact, match=re.escape(f"builtins.{method.__objclass__.__name__}.{method.__name__}")):
        load_bytes(pickle.dumps(model), tmp_path)


def test_attribute_of_what_is_no_name_is_refused(tmp_path: Path) -> None:
    for arguments in (b"]V__class__\n", b"cbuiltins\nstr\nI1\n", b"cbuiltins\nstr\nV__mro__\nN", b""):
        with pytest.raises(UnsafeArtifact, match="getattr"):
            load_bytes(b"cbuiltins\ngetattr\n(" + arguments + b"tR.", tmp_path)


def test_attribute_is_the_name_that_it_stands_for(tmp_path: Path) -> None:
    zone = zoneinfo.ZoneInfo("UTC")
    assert load_bytes(pickle.dumps([zone], 2), tmp_path) == [zone]
    with pytest.raises(UnsafeArtifact, match=r"os\.path\.join"):
        load_bytes(b"cbuiltins\ngetattr\n(cos\npath\nVjoin\ntR.", tmp_path)


@pytest.mark.parametrize("jobs", [-1, 2])
def test_function_that_starts_processes_is_refused(tmp_path: Path, jobs: int) -> None:
    function = partial(mutual_info_classif, y=WINE_KINDS, n_jobs=jobs)
    transformer = FunctionTransformer(mutual_info_classif, kw_args={"y": WINE_KINDS, "n_jobs": jobs})
    inverse = FunctionTransformer(inverse_func=mutual_info_classif, inv_kw_args={"n_jobs": jobs})
    for step in (FunctionTransformer(function), transformer, inverse):
        with pytest.raises(UnsafeArtifact, match=r"rule (functions|arguments)"):
            load_bytes(pickle.dumps(step), tmp_path)


def test_function_with_other_keywords_is_taken(tmp_path: Path) -> None:
    for step in (
        FunctionTransformer(partial(np.clip, a_min=0, a_max=1)),
        FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1}),
    ):
        assert load_bytes(pickle.dumps(step), tmp_path).transform(WINE).max() == 1


def test_losses_under_their_older_name_are_taken(tmp_path: Path) -> None:
    model = GradientBoostingClassifier(n_estimators=2).fit(WINE, WINE_KINDS)
    old = pickle.dumps(model, 2).replace(b"csklearn._loss._loss\n", b"c_loss\n")
    assert b"c_loss\n" in old
    assert {step.module for step in read(old).steps if isinstance(step, Global) and step.name.startswith("Cy")} == {
        "sklearn._loss._loss"
    }
    assert np.array_equal(load_bytes(old, tmp_path).predict_proba(WINE), model.predict_proba(WINE))
