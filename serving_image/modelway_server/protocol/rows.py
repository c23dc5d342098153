"""Rows as people write them: `{"rows": [{"column": value}]}`, answered row by row, with names instead of positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.strict_json import dumps, json_type, parse_object

WORDS: Final = {"predict": "prediction", "predict_proba": "probabilities"}
"""The word of the answer for the output of a method; other methods keep their names."""


def methods_to_call(methods: Sequence[str]) -> tuple[str, ...]:
    """The methods that answer a row: the label and its probabilities if the model has them, and the default.

    Args:
        methods: what the model can be asked for, the default first.
    """
    return tuple(method for method in methods if method in WORDS or method == methods[0])


@dataclass(frozen=True, slots=True)
class NamedOutput:
    """One array of an answer with the names in it.

    Attributes:
        word: what the answer calls it: `prediction`, `probabilities`, or the method that gave it.
        values: one entry a row.
        names: of its columns, where they have names and it has columns.
    """

    word: str
    values: NDArray[Any]
    names: Sequence[str] = ()


def decode_request(body: bytes, *, long_integers: bool = False) -> list[Any]:
    """The rows in a request's body: objects of column to value, or any other form of a row that the model takes.

    Args:
        body: JSON.
        long_integers: as `parse_object` has it.

    Raises:
        MalformedRequest: there is no `rows`, or it is no array.
    """
    document = parse_object(body, long_integers=long_integers)
    if "rows" not in document:
        raise MalformedRequest('send {"rows": [{"COLUMN": VALUE}]}, one object for each row', field="rows")
    rows = document["rows"]
    if not isinstance(rows, list):
        raise MalformedRequest(f"rows must be an array, it is {json_type(rows)}", field="rows")
    return rows


def encode_answer(*, model: str, version: str, count: int, outputs: Sequence[NamedOutput]) -> bytes:
    """One object for each row, in the order of the request; a number that is not finite becomes null.

    Args:
        model: its name.
        version: the user's word for it; left out when it is empty.
        count: of rows.
        outputs: what is told of each row; of several with the same word each row has a list.
    """
    answer: dict[str, Any] = {"model": model}
    if version:
        answer["version"] = version
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    words = [output.word for output in outputs]
    for output in outputs:
        entries = _entries(output)
        for row, entry in zip(rows, entries, strict=True):
            if words.count(output.word) > 1:
                row.setdefault(output.word, []).append(entry)
            else:
                row[output.word] = entry
    answer["rows"] = rows
    return dumps(answer)


def name_of(label: Any) -> str:
    """A class label as the name of a member: as JSON writes it."""
    return label if isinstance(label, str) else dumps(label).decode()


def _entries(output: NamedOutput) -> Sequence[Any]:
    values = output.values
    listed: list[Any] = values.tolist()
    if output.names and values.ndim == 2 and values.shape[1] == len(output.names):
        return [dict(zip(output.names, row, strict=True)) for row in listed]
    return listed
