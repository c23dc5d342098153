"""A value arrives at the model as what it is: the same type and the same number, in every protocol."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from modelway_server.contract.row_batches import kind_of, stack
from modelway_server.contract.signature import Dates
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.v1 import read_v1
from modelway_server.errors import InputError
from modelway_server.protocol.tensors import NUMPY_TYPES
from modelway_server.runtimes import load_runtime
from support.server.senders import ALL, TEXTUAL, Columns, Sent, outputs
from support.server.subjects import warm
from support.trained import graphs
from support.trained.mlflow_models import folder

NEAR = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2]
SIGNED = [-(2**63), -(2**53) - 1, 0, 3, *NEAR, 2**63 - 1]
UNSIGNED = [0, 3, *NEAR, 2**63, 2**64 - 2, 2**64 - 1]
DOUBLES = [-0.0, 0.5, 3.0, 5e-324, 1.7976931348623157e308]

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


class Echo(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Code of a model's author: says of each row what it sees, and of what type."""

    def __init__(self, columns: Sequence[str] = ("x",)) -> None:
        self.columns = columns

    def fit(self, _: Any = None) -> "Echo":
        self.feature_names_in_ = np.array(self.columns, dtype=object)
        self.n_features_in_ = len(self.columns)
        return self

    def predict(self, frame: Any) -> Any:
        return np.array(
            [" ".join(spell(frame[name], row) for name in frame) for row in range(len(frame))], dtype=object
        )


def spell(column: Any, row: int) -> str:
    value = column.iloc[row]
    return f"{column.dtype}:{value.item() if isinstance(value, np.generic) else value!r}"


def to_text(rows: Any) -> Any:
    """A step that turns whatever it is given to text."""
    return rows.astype(str)


def plane(model: Any) -> DataPlane:
    return DataPlane(warm(model), Identity(name="model"))


def answers(server: DataPlane, protocol: str, columns: Columns) -> list[Any]:
    (values,) = outputs(server, ALL[protocol](server, columns)).values()
    return list(values.tolist())


def same(rows: Any) -> Any:
    """A step that changes nothing."""
    return rows


ECHO = plane(Echo().fit())
UNTYPED = plane(make_pipeline(FunctionTransformer(same).fit(pd.DataFrame({"x": [1]})), Echo().fit()))
COLUMN = (
    st.tuples(st.just("INT64"), st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from(SIGNED), min_size=1, max_size=3))
    | st.tuples(st.just("FP64"), st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(DOUBLES), min_size=1, max_size=3))
    | st.tuples(st.just("BOOL"), st.lists(st.booleans(), min_size=1, max_size=3))
    | st.tuples(st.just("UINT64"), st.lists(st.integers(2**63, 2**64 - 1), min_size=1, max_size=3))
    | st.tuples(st.just("BYTES"), st.lists(st.sampled_from(["a", "10115", "1.0", "true"]), min_size=1, max_size=3))
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(column=COLUMN)
def test_authors_code_gets_the_values_of_a_data_frame(column: tuple[str, list[Any]]) -> None:
    expected = Echo().fit().predict(pd.DataFrame({"x": column[1]})).tolist()
    for server in (ECHO, UNTYPED):
        typed = [protocol for protocol in ALL if (protocol, column[0]) != ("csv", "BYTES")]  # where text is guessed
        answer_of = {protocol: answers(server, protocol, {"x": Sent(*column)}) for protocol in typed}
        assert answer_of == dict.fromkeys(typed, expected)


class Hours(Echo):
    """Code of a model's author that asks for times and texts, and has no step before it."""

    def predict(self, frame: Any) -> Any:
        return frame["start"].dt.hour.to_numpy() + frame["city"].str.len().to_numpy()


def test_authors_code_takes_texts_and_dates() -> None:
    server = plane(Hours(("city", "start")).fit())
    columns = {"city": Sent("BYTES", ["Rome", "Ulm"]), "start": Sent("BYTES", ["2024-05-01T07:30:00", "2024-05-01"])}
    assert {tuple(answers(server, name, columns)) for name in ALL} == {(11, 3)}
    assert [column.dates for column in server.runtime.signature.columns] == [None, Dates.LOCAL]


MISSING: list[tuple[Sent, list[str]]] = [
    (Sent("INT64", [3, None]), ["float64:3.0", "float64:nan"]),
    (Sent("INT64", [2**53 + 1, None]), [f"object:{2**53 + 1}", "object:nan"]),
    (Sent("INT64", [2**53 + 4, None]), [f"object:{2**53 + 4}", "object:nan"]),
    (Sent("UINT64", [2**64 - 1, None]), [f"object:{2**64 - 1}", "object:nan"]),
    (Sent("BOOL", [True, None]), ["object:True", "object:nan"]),
    (Sent("FP64", [0.5, None]), ["float64:0.5", "float64:nan"]),
]


@pytest.mark.parametrize("protocol", TEXTUAL)
@pytest.mark.parametrize(("sent", "expected"), MISSING, ids=lambda case: str(case)[:40])
def test_missing_value_changes_no_other_value(protocol: str, sent: Sent, expected: list[str]) -> None:
    assert answers(ECHO, protocol, {"x": sent}) == expected


@pytest.mark.parametrize("protocol", [name for name in TEXTUAL if name != "v2 json"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 0.5], ["float64:3.0", "float64:0.5"]),
        ([2**53 + 1, 0.5], [f"object:{2**53 + 1}", "object:0.5"]),
        ([-1, 2**64 - 1], ["object:-1", f"object:{2**64 - 1}"]),
        ([True, 3], ["object:True", "object:3"]),
    ],
)
def test_mixed_literals_are_read_as_by_pandas(protocol: str, values: list[Any], expected: list[str]) -> None:
    if protocol == "csv" and True in values:
        expected = ["str:'True'", "str:'3'"]  # as `read_csv` has it
    assert answers(UNTYPED, protocol, {"x": Sent("", values)}) == expected


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**30])
@pytest.mark.parametrize("protocol", [name for name in TEXTUAL if name != "v2 json"])
def test_integer_beyond_64_bits_is_refused_by_name(protocol: str, value: int) -> None:
    with pytest.raises(InputError, match="64 bits") as refusal:
        answers(ECHO, protocol, {"x": Sent("", [value])})
    assert "x" in str(refusal.value.field)


@pytest.mark.parametrize("value", [2**70, -(2**70), 2**64, -(2**63) - 1])
@pytest.mark.parametrize("protocol", TEXTUAL)
def test_column_of_integers_names_the_64_bit_limit(protocol: str, value: int) -> None:
    _, server = encoder("INT64")
    with pytest.raises(InputError, match=r"64 bits|from -9223372036854775808 to") as refusal:
        answers(server, protocol, {"x": Sent("INT64", [value])})
    assert "float" not in refusal.value.message


CATEGORIES: dict[str, list[Any]] = {"INT64": SIGNED, "UINT64": UNSIGNED, "BOOL": [False, True], "FP64": DOUBLES}


@cache
def encoder(datatype: str) -> tuple[Any, DataPlane]:
    known = np.array(CATEGORIES[datatype], dtype=NUMPY_TYPES[datatype])
    model = OrdinalEncoder().fit(pd.DataFrame({"x": known}))
    return model, plane(model)


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize("datatype", CATEGORIES)
def test_encoder_tells_neighbouring_integers_apart(protocol: str, datatype: str) -> None:
    known, (model, server) = CATEGORIES[datatype], encoder(datatype)
    assert server.runtime.signature.columns[0].datatype == datatype
    expected = model.transform(pd.DataFrame({"x": known})).tolist()
    assert answers(server, protocol, {"x": Sent(datatype, known)}) == expected


@pytest.mark.parametrize("protocol", TEXTUAL)
@pytest.mark.parametrize("beside", [None, 3])
def test_unknown_integer_is_not_taken_for_a_neighbour(protocol: str, beside: int | None) -> None:
    known = pd.DataFrame({"x": [2**53 + at for at in range(4)]})
    server = plane(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9).fit(known))
    assert answers(server, protocol, {"x": Sent("INT64", [2**53 + 4, 2**53 + 1, beside])}) == [[9.0], [1.0], [9.0]]


@pytest.mark.parametrize("protocol", TEXTUAL)
def test_last_exact_integer_passes_beside_a_missing_one(protocol: str) -> None:
    known = pd.DataFrame({"x": [2**53 - 1, 2**53]})
    server = plane(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9).fit(known))
    assert answers(server, protocol, {"x": Sent("INT64", [2**53, None])}) == [[1.0], [9.0]]


ARRAYS = {
    "int64": np.array([[value, 7] for value in SIGNED]),
    "uint64": np.array([[value, 7] for value in UNSIGNED], dtype=np.uint64),
    "objects": np.array([[value, 7] for value in UNSIGNED], dtype=object),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("first", [OrdinalEncoder, lambda: make_pipeline(VarianceThreshold(), OrdinalEncoder())])
def test_encoder_of_an_array_tells_neighbours_apart(kind: str, first: Any) -> None:
    rows = ARRAYS[kind]
    model = first()
    if kind != "objects" or isinstance(model, OrdinalEncoder):
        rows = np.column_stack([rows[:, 0], rows[::-1, 0]])
        server = plane(model.fit(rows))
        body = json.dumps({"instances": rows.tolist()}).encode()
        predictions = json.loads(server.answer(read_v1(server, body)).body.content)["predictions"]
        assert predictions == model.transform(rows).tolist()


@pytest.mark.parametrize("literals", [[[3, 4]], [[3, 4.0]], [[True, False]], [[2**53 + 1, 7]]])
def test_authors_code_gets_the_array_that_numpy_makes(literals: list[Any]) -> None:
    server = plane(FunctionTransformer(to_text).fit(np.array([[10115, 7]])))
    query = read_v1(server, json.dumps({"instances": literals}).encode())
    texts = outputs(server, query)["transform"].tolist()
    assert texts == np.array(literals).astype(str).tolist()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (Sent("FP64", [3.0, float(2**53 - 1)]), None),
        (Sent("FP32", [3.0, 2.0**24 - 1]), None),
        (Sent("UINT64", [3, 2**53 + 1]), None),
        (Sent("FP64", [2.0**53]), "may be another one"),
        (Sent("FP32", [2.0**24]), "may be another one"),
        (Sent("FP64", [3.5]), "takes integers, this is 3.5"),
        (Sent("UINT64", [2**63]), "this is 9223372036854775808"),
    ],
)
@pytest.mark.parametrize("protocol", ["v2 json", "v2 binary", "grpc raw", "grpc typed"])
def test_other_numbers_for_integers_are_exact_or_refused(protocol: str, sent: Sent, words: str | None) -> None:
    model = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(
        pd.DataFrame({"x": np.array([3, 2**24 - 1, *NEAR])})
    )
    server = plane(model)
    if words is None:
        assert (
            answers(server, protocol, {"x": sent})
            == model.transform(pd.DataFrame({"x": map(int, sent.values)})).tolist()
        )
        return
    with pytest.raises(InputError, match=words):
        answers(server, protocol, {"x": sent})


FRAME = pd.DataFrame(
    {
        "id": [2**53, 2**53 + 1, 2**53 + 2, 3],
        "flag": [True, False, True, False],
        "amount": [-0.0, 0.5, 3.0, 1e300],
        "count": [1, 2, 3, 2**53 + 1],
        "city": ["a", "b", "a", "b"],
    }
)
DATATYPES = {"id": "INT64", "flag": "BOOL", "amount": "FP64", "count": "INT64", "city": "BYTES"}


def mixed_columns() -> Any:
    """Columns of every type, some encoded, some seen by code of the author behind them."""
    encoded = make_column_transformer(
        (OrdinalEncoder(), ["id", "flag", "city"]), remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    return make_pipeline(encoded, FunctionTransformer(to_text)).fit(FRAME)


@pytest.mark.parametrize("protocol", ALL)
def test_each_column_of_a_mixed_frame_keeps_its_type(protocol: str) -> None:
    model = mixed_columns()
    columns = {name: Sent(datatype, FRAME[name].tolist()) for name, datatype in DATATYPES.items()}
    assert answers(plane(model), protocol, columns) == model.transform(FRAME).to_numpy().tolist()


GRAPHS = {"INT64": (TensorProto.INT64, SIGNED), "UINT64": (TensorProto.UINT64, UNSIGNED), "INT32": (TensorProto.INT32, [-(2**31), 3])}  # fmt: skip


@pytest.mark.parametrize("datatype", GRAPHS)
@pytest.mark.parametrize("inputs", [1, 2])
def test_graph_gets_the_integers_that_were_sent(tmp_path: Path, datatype: str, inputs: int) -> None:
    kind, values = GRAPHS[datatype]
    names = ["x", "y"][:inputs]
    graphs.write(
        tmp_path / "model.onnx",
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in names],
        [(name, kind, ["rows"]) for name in names],
        [(f"{name}_out", kind, ["rows"]) for name in names],
    )
    runtime = load_runtime(tmp_path / "model.onnx", format="auto", method="auto")
    runtime.warm_up()
    server = DataPlane(runtime, Identity(name="model"))
    for protocol, send in ALL.items():
        query = send(server, {name: Sent(datatype, values) for name in names})
        arrays = outputs(server, query)
        assert {name: array.tolist() for name, array in arrays.items()} == {f"{n}_out": values for n in names}, protocol
    for protocol in ("v2 json", "v1 rows", "rows"):
        body = server.answer(ALL[protocol](server, {name: Sent(datatype, values) for name in names})).body.content
        assert all(str(value).encode() in body for value in values), body
    for wrong in (Sent("FP64", [2.0**53]), Sent("INT64", [2**31]), Sent("UINT64", [2**63])):
        if not fits(wrong, datatype):
            with pytest.raises(InputError):
                outputs(server, ALL["v2 json"](server, dict.fromkeys(names, wrong)))


def test_number_beyond_a_graphs_float_is_refused(tmp_path: Path) -> None:
    graphs.write(
        tmp_path / "model.onnx",
        [helper.make_node("Add", ["x", "y"], ["sum"])],
        [(name, TensorProto.FLOAT16, ["rows"]) for name in ("x", "y")],
        [("sum", TensorProto.FLOAT16, ["rows"])],
    )
    runtime = load_runtime(tmp_path / "model.onnx", format="auto", method="auto")
    runtime.warm_up()
    server = DataPlane(runtime, Identity(name="model"))
    assert answers(server, "rows", {"x": Sent("", [60000.0]), "y": Sent("", [0.5])}) == [60000.0]
    with pytest.raises(InputError, match="up to 65504"):
        answers(server, "rows", {"x": Sent("", [1.0]), "y": Sent("", [70000.0])})


def fits(sent: Sent, datatype: str) -> bool:
    info = np.iinfo(datatype.lower())
    return sent.datatype != "FP64" and info.min <= min(sent[1]) and max(sent[1]) <= info.max


def test_rows_of_two_callers_join_if_their_types_agree() -> None:
    whole, other, fraction = (ALL["v1 rows"](ECHO, {"x": Sent("", [value])}).rows for value in (3, 2**53 + 1, 0.5))
    assert kind_of(whole) == kind_of(other) != kind_of(fraction)
    together = stack([whole, other])
    assert ECHO.runtime.call("predict", together.values, 2)["predict"].tolist() == ["int64:3", f"int64:{2**53 + 1}"]


def by_position(rows: Any) -> Any:
    """A step that takes integers alone."""
    return rows.apply(lambda column: column.map(lambda value: [10.0, 20.0, 30.0][value]))


def test_model_that_takes_integers_alone_gets_integers() -> None:
    model = make_column_transformer((FunctionTransformer(by_position), ["place"]), remainder="passthrough").fit(
        pd.DataFrame({"place": [0, 1, 2], "amount": [0.5, 1.5, 2.5]})
    )
    server = plane(model)
    assert [column.datatype for column in server.runtime.signature.columns] == ["INT64", "FP64"]
    columns = {"place": Sent("FP64", [1.0, 2.0]), "amount": Sent("FP64", [0.5, 1.0])}
    for protocol in ALL:
        assert answers(server, protocol, columns) == [[20.0, 0.5], [30.0, 1.0]]


def test_types_of_an_mlflow_signature_reach_authors_code(tmp_path: Path) -> None:
    import joblib  # noqa: PLC0415

    columns = [("a", "long"), ("b", "double"), ("c", "boolean"), ("d", "string"), ("e", "integer"), ("f", "float")]
    path = folder(tmp_path / "m", {"sklearn": {"pickled_model": "model.pkl", "sklearn_version": "1"}}, columns=columns)
    joblib.dump(Echo([name for name, _ in columns]).fit(), path / "model.pkl")
    runtime = load_runtime(path, format="auto", method="auto", trusted_types=(f"{__name__}.Echo",))
    runtime.warm_up()
    server = DataPlane(runtime, Identity(name="model"))
    row = {"a": 3, "b": 3, "c": True, "d": "3", "e": 3, "f": 0.1}
    texts = answers(server, "v1 rows", {name: Sent("", [value]) for name, value in row.items()})
    assert texts == [f"int64:3 float64:3.0 bool:True str:'3' int32:3 float32:{np.float32(0.1).item()}"]
