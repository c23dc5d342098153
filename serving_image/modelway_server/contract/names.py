"""Check names of columns against those of the training data, and list them in messages."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from modelway_server.contract.signature import Output, Signature
from modelway_server.errors import InvalidInput
from modelway_server.protocol.rows import name_of

T = TypeVar("T")
MAX_NAMED = 10
"""Column names that a message lists before it says how many more there are."""


def named_as_trained(signature: Signature, values: Mapping[str, T], field: str) -> Mapping[str, T]:
    """Named values, by the names of the signature; unknown names stay as they are.

    Args:
        signature: the model's. Where it is `spaced`, a space and an underscore are one.
        values: by the names of a request.
        field: where the names stand in the request, for messages.

    Raises:
        InvalidInput: two names stand for one column.
    """
    if not signature.spaced:
        return values
    known = {_underscore(column.name): column.name for column in signature.columns}
    result: dict[str, T] = {}
    for name, value in values.items():
        own = known.get(_underscore(name), name)
        if own in result:
            raise InvalidInput(f"column {own!r} appears twice, with a space and with an underscore", field=field)
        result[own] = value
    return result


def check_names(signature: Signature, names: Iterable[str], field: str) -> None:
    """Check the names of columns against those of the training data.

    Raises:
        InvalidInput: some are unknown or missing; they are listed.
    """
    request_names = list(names)
    known = {column.name for column in signature.columns}
    if not known:
        raise InvalidInput("this model does not name its columns; send rows, each an array of numbers", field=field)
    unknown = [name for name in request_names if name not in known]
    absent = [column.name for column in signature.columns if column.used and column.name not in set(request_names)]
    if unknown or absent:
        complaints = [f"unknown: {enumerate_names(unknown)}"] * bool(unknown) + [
            f"missing: {enumerate_names(absent)}"
        ] * bool(absent)
        raise InvalidInput(
            f"the columns are not those of the training data ({'; '.join(complaints)})"
            + ("" if absent else f"; it has {enumerate_names(column.name for column in signature.columns)}")
            + ("" if signature.named else "; it has no column names: send each row as an array, in their order"),
            field=field,
        )


def member_names(method: str, output: Output) -> tuple[str, ...]:
    """The name of each number of a row in an answer of words; empty where the numbers are a list.

    Duplicate names count as none: an object would keep one of the numbers that share a name.
    """
    names = output.columns
    if method == "predict_proba" and output.classes is not None:
        of_columns = any(isinstance(known, tuple) for known in output.classes)  # each column has classes of its own
        names = () if of_columns else tuple(map(name_of, output.classes))
    return names if len(set(names)) == len(names) else ()


def enumerate_names(names: Iterable[str]) -> str:
    """The names for a message: the first MAX_NAMED, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - MAX_NAMED} more" if len(every) > MAX_NAMED else ""
    return ", ".join(map(_quote, every[:MAX_NAMED])) + more


def _quote(name: str) -> str:
    """A name as it is, in quotes where it could be misread."""
    return name if name and name == name.strip() and name.isprintable() else repr(name)


def _underscore(name: str) -> str:
    return name.replace(" ", "_")
