"""Names of columns, held against those of the training data and listed in messages."""

from collections.abc import Iterable

from modelway_server.contract.signature import Signature
from modelway_server.errors import InvalidInput

MAX_NAMED = 10
"""Column names that a message lists before it says how many more there are."""


def check_names(signature: Signature, names: Iterable[str], field: str) -> None:
    """Hold the names of columns against those of the training data.

    Raises:
        InvalidInput: some are unknown or missing; they are listed.
    """
    given = list(names)
    known = {column.name for column in signature.columns}
    if not known:
        raise InvalidInput("this model does not name its columns; send rows, each an array of numbers", field=field)
    unknown = [name for name in given if name not in known]
    absent = [column.name for column in signature.columns if column.used and column.name not in set(given)]
    if unknown or absent:
        complaints = [f"unknown: {listed(unknown)}"] * bool(unknown) + [f"missing: {listed(absent)}"] * bool(absent)
        raise InvalidInput(
            f"the columns are not those of the training data ({'; '.join(complaints)})"
            + ("" if absent else f"; it has {listed(column.name for column in signature.columns)}")
            + ("" if signature.named else "; it has no column names: send each row as an array, in their order"),
            field=field,
        )


def listed(names: Iterable[str]) -> str:
    """The names for a message: the first MAX_NAMED, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - MAX_NAMED} more" if len(every) > MAX_NAMED else ""
    return ", ".join(every[:MAX_NAMED]) + more
