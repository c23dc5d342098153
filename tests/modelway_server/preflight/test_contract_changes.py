"""What differs between two contracts, and which of it a client would notice."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.contract.columns import coerce
from modelway_server.contract.signature import Column, Dates, Form, Input, Output, Signature
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import ContractChanged, InvalidInput
from modelway_server.preflight.changes import Change, tell
from modelway_server.preflight.child import PreparedModel
from modelway_server.preflight.contract import check_contract, contract_changes, fingerprint_of
from modelway_server.preflight.input_changes import input_changes
from modelway_server.preflight.output_changes import output_changes

AGE, CITY = Column("age", nullable=True), Column("city", "BYTES", categories=frozenset({"Oslo", "Rome"}))
STABLE = Signature(Form.FRAME, (AGE, CITY), named=True)
MATRIX = Signature(Form.MATRIX, (Column("x0"), Column("x1")))
LABEL = Output("predict", "INT64", (-1,), classes=(0, 1))
SCORES = Output("predict_proba", "FP64", (-1, 2), classes=(0, 1))
TENSOR = Signature(Form.TENSORS, inputs=(Input("image", "FP32", (-1, 28, 28)),))


def prepared(signature: Signature = MATRIX, methods: tuple[str, ...] = ("predict",), **outputs: Any) -> Prepared:
    given_outputs = {method: outputs.get(method, (LABEL,)) for method in methods}
    return Prepared(
        digest="",
        format="auto",
        platform="sklearn",
        engine="native",
        reason="",
        methods=methods,
        signature=replace(signature, outputs=given_outputs),
        description={},
        example=[0, 0],
    )


def with_columns(*columns: Column, **changes: Any) -> Signature:
    return replace(STABLE, columns=columns, **changes)


BREAKS = [
    (with_columns(AGE), STABLE, "column city is gone"),
    (with_columns(AGE, CITY, Column("x"), Column("y")), STABLE, "columns x, y are new"),
    (with_columns(AGE, CITY, Column("x", used=False)), STABLE, "column x is new, and not used"),
    (with_columns(CITY, AGE), STABLE, "columns age, city are at another place"),
    (with_columns(replace(AGE, datatype="BYTES"), CITY), STABLE, "column age takes BYTES where it took FP64"),
    (with_columns(replace(AGE, datatype="INT64"), CITY), STABLE, "column age takes INT64 where it took FP64"),
    (with_columns(replace(AGE, nullable=False), CITY), STABLE, "column age may not be missing now"),
    (
        with_columns(AGE, replace(CITY, categories=frozenset({"Oslo"}))),
        STABLE,
        "column city does not take Rome any more",
    ),
    (STABLE, with_columns(AGE, replace(CITY, categories=None)), "column city takes only Oslo, Rome now"),
    (STABLE, with_columns(AGE, replace(CITY, used=False)), "column city is used now"),
    (
        with_columns(replace(AGE, coded=True), CITY),
        STABLE,
        "column age takes FP64 codes of categories where it took FP64",
    ),
    (STABLE, with_columns(replace(AGE, typed=False), CITY), "column age takes FP64 where it took anything"),
    (
        with_columns(AGE, Column("city", "BYTES", dates=Dates.ZONED)),
        with_columns(AGE, Column("city", "BYTES", dates=Dates.LOCAL)),
        "column city takes dates with a zone where it took dates without a zone",
    ),
    (replace(MATRIX, columns=MATRIX.columns[:1]), MATRIX, "a row has 1 values where it had 2"),
    (MATRIX, replace(MATRIX, columns=()), "a row has 2 values where it had any number of"),
    (with_columns(*MATRIX.columns, named=False), with_columns(*MATRIX.columns), "columns have no names any more"),
    (Signature(Form.TEXT), MATRIX, "it takes texts where it took columns"),
    (replace(TENSOR, inputs=()), TENSOR, "input image is gone"),
    (TENSOR, replace(TENSOR, inputs=()), "input image is new"),
    (
        replace(TENSOR, inputs=(Input("image", "FP32", (-1, 32, 32)),)),
        TENSOR,
        "input image takes FP32 [rows, 32, 32] where it took FP32 [rows, 28, 28]",
    ),
]
TOLD = [
    (with_columns(replace(AGE, nullable=False), CITY), "column age may be missing now", True),
    (with_columns(AGE, replace(CITY, categories=frozenset({"Rome"}))), "column city takes Oslo, too", True),
    (with_columns(replace(AGE, datatype="INT64"), CITY), "column age takes FP64 where it took INT64", True),
    (with_columns(AGE, replace(CITY, categories=None)), "column city takes any value now", False),
    (with_columns(AGE, replace(CITY, used=False)), "column city is not used any more", False),
]


@pytest.mark.parametrize(("candidate", "stable", "says"), BREAKS)
def test_change_that_breaks_a_request_is_told_as_such(candidate: Signature, stable: Signature, says: str) -> None:
    assert input_changes(candidate, stable) == [Change(says, breaks=True)]


@pytest.mark.parametrize(("other", "says", "is_stable"), TOLD)
def test_change_that_no_request_notices_is_only_told(other: Signature, says: str, is_stable: bool) -> None:  # noqa: FBT001  (a case)
    candidate, stable = (STABLE, other) if is_stable else (other, STABLE)
    assert input_changes(candidate, stable) == [Change(says, breaks=False)]


@pytest.mark.parametrize("form", [Form.COLUMNS, Form.OBJECTS, Form.MATRIX])
def test_form_in_which_an_engine_takes_rows_is_no_change(form: Form) -> None:
    assert input_changes(replace(STABLE, form=form), STABLE) == []


def test_largest_number_and_lost_known_categories_are_only_told() -> None:
    known = replace(CITY, categories=None, known=frozenset({"Oslo", "Rome"}))
    stable = with_columns(AGE, known)
    candidate = with_columns(AGE, replace(known, known=frozenset({"Oslo"})), max_magnitude=1e38)
    assert input_changes(candidate, stable) == [
        Change("column city answers Rome as unknown", breaks=False),
        Change("numbers may be up to 1e+38", breaks=False),
    ]


def test_spaces_of_a_model_that_keeps_underscores_are_no_change() -> None:
    stable = with_columns(Column("my age"))
    assert input_changes(with_columns(Column("my_age"), spaced=True), stable) == []


@pytest.mark.parametrize(
    ("candidate", "says"),
    [
        (prepared(methods=("predict_proba", "predict")), "predict_proba answers by default where predict did"),
        (prepared(predict=()), "output predict is gone"),
        (prepared(predict=(LABEL, SCORES)), "output predict_proba is new"),
        (
            prepared(predict=(replace(LABEL, datatype="BYTES"),)),
            "output predict is BYTES [rows] where it was INT64 [rows]",
        ),
        (
            prepared(predict=(replace(LABEL, classes=(0, 1, 2)),)),
            "output predict tells of the classes 0, 1, 2 where it told of the classes 0, 1",
        ),
        (
            prepared(predict=(replace(LABEL, classes=None),)),
            "output predict tells of no classes where it told of the classes 0, 1",
        ),
        (prepared(predict=(replace(LABEL, columns=("a",)),)), "output predict has other columns, or in another order"),
    ],
)
def test_answer_of_another_form_breaks(candidate: Prepared, says: str) -> None:
    assert Change(says, breaks=True) in output_changes(candidate, prepared())


def test_method_that_is_gone_breaks_and_a_new_one_does_not() -> None:
    both = prepared(methods=("predict", "predict_proba"))
    assert output_changes(prepared(), both) == [Change("method predict_proba is gone", breaks=True)]
    assert output_changes(both, prepared()) == [Change("method predict_proba is new", breaks=False)]


VALUES = [None, 0, 1, -1, 1.5, 2**40, 1e300, True, "x", "y", "2024-01-01", "2024-01-01T00:00:00Z"]
COLUMNS = st.builds(
    Column,
    st.just("a"),
    st.sampled_from(["FP64", "FP32", "FP16", "INT64", "UINT8", "INT8", "BOOL", "BYTES"]),
    st.booleans(),
    st.none() | st.frozensets(st.sampled_from(["x", "y", 0, 1]), min_size=1),
    used=st.booleans(),
    typed=st.booleans(),
)


def takes(column: Column, value: Any) -> bool:
    try:
        coerce(column, [value], lambda _: "")
    except InvalidInput:
        return False
    return True


@given(COLUMNS, COLUMNS, st.sampled_from(VALUES))
def test_no_value_is_refused_unless_a_change_breaks(new: Column, old: Column, value: Any) -> None:
    candidate, stable = with_columns(new), with_columns(old)
    breaks = any(change.breaks for change in input_changes(candidate, stable))
    assert breaks or not takes(old, value) or takes(new, value)


@given(st.lists(st.builds(Change, st.text(min_size=1, max_size=200), st.booleans()), max_size=30), st.integers(50, 400))
def test_text_of_changes_fits_and_counts_the_rest(changes: list[Change], limit: int) -> None:
    assert len(tell(changes, limit)) <= limit


def test_breaking_changes_are_told_first_and_the_rest_is_counted() -> None:
    changes = [Change("a" * 60, breaks=False), Change("b" * 60, breaks=True), Change("c" * 60, breaks=False)]
    assert tell(changes, 90) == f"{'b' * 60}; and 2 more"
    assert tell(changes[:1], 30) == f"{'a' * 29}…"


@pytest.mark.parametrize(("demand", "is_refused"), [("Any", False), ("Compatible", True)])
def test_breaking_change_is_refused_only_where_demand(tmp_path: Path, demand: str, is_refused: bool) -> None:  # noqa: FBT001  (a case)
    models = [PreparedModel(model_dir=tmp_path, prepared_dir=tmp_path / name) for name in ("new", "old")]
    for model, signature in zip(models, (with_columns(AGE), STABLE), strict=True):
        model.prepared_dir.mkdir()
        prepared(signature).write(model.prepared_dir)
    changes = contract_changes(*models)
    assert [change.text for change in changes] == ["column city is gone"]
    if is_refused:
        with pytest.raises(ContractChanged, match="column city is gone"):
            check_contract(changes, demand)
    else:
        check_contract(changes, demand)


@pytest.mark.parametrize("document", [[], 1, {"layout": 1, "columns": 3}])
def test_folder_that_prepare_did_not_fill_is_named(tmp_path: Path, document: Any) -> None:
    (tmp_path / "prepared.json").write_text(json.dumps(document))
    model = PreparedModel(model_dir=tmp_path, prepared_dir=tmp_path)
    with pytest.raises(Exception, match="is not what `modelway-server prepare` leaves"):
        contract_changes(model, model)


# The fingerprint --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        prepared(with_columns(AGE)),
        prepared(with_columns(CITY, AGE)),
        prepared(with_columns(replace(AGE, name="years"), CITY)),
        prepared(with_columns(replace(AGE, datatype="INT64"), CITY)),
        prepared(with_columns(replace(AGE, nullable=False), CITY)),
        prepared(with_columns(AGE, replace(CITY, categories=None))),
        prepared(with_columns(AGE, CITY, named=False)),
        prepared(STABLE, methods=("predict_proba",)),
        prepared(STABLE, predict=(replace(LABEL, classes=("no", "yes")),)),
        prepared(STABLE, predict=(replace(LABEL, datatype="FP64"),)),
        prepared(TENSOR),
    ],
)
def test_another_contract_has_another_fingerprint(other: Prepared) -> None:
    assert len({fingerprint_of(other), fingerprint_of(prepared(STABLE))}) == 2


@pytest.mark.parametrize(
    "same",
    [
        prepared(replace(STABLE, form=Form.MATRIX)),
        prepared(replace(STABLE, max_magnitude=3.4e38)),
        prepared(with_columns(AGE, replace(CITY, categories=frozenset({"Oslo", "Rome", "Bern"})))),
        replace(prepared(STABLE), engine="onnx", digest="sha256:0"),
    ],
)
def test_another_engine_or_training_keeps_the_fingerprint(same: Prepared) -> None:
    assert fingerprint_of(same) == fingerprint_of(prepared(STABLE))
