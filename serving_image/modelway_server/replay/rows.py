"""The requests of a replay: rows of a dataset or of a model's folder, each of them once.

A row that is asked twice would count as two pieces of evidence and be one, so equal rows are asked once. Rows are drawn in an order that
is the same each time: a replay that begins anew asks the same ones.
"""

import csv
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from modelway_server.artifacts.record import SAMPLE_FILES, locate_model
from modelway_server.engines.parity import rows_of_document
from modelway_server.errors import InputError, InvalidDataset, words
from modelway_server.evaluation.dataset import read_table
from modelway_server.evaluation.wish import Format

FIELD: Final = "spec.rollout.replay"
MOST_BYTES: Final = 64 << 20
"""Of a dataset: all of it is in memory."""
SEED: Final = 20261130
_JSON, _CSV = b"application/json", b"text/csv"


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    Attributes:
        content_type: of the body.
        body: as MLflow's scoring protocol has it.
        rows: in it.
    """

    content_type: bytes
    body: bytes
    rows: int


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which rows are asked.

    Attributes:
        requests: at most.
        rows_per_request: rows of each.
        hidden: columns that no model may see, such as the right answers.
        groups: columns that may be there for people, and are left out where the model takes no more than the others.
    """

    requests: int
    rows_per_request: int = 1
    hidden: Sequence[str] = ()
    groups: Sequence[str] = ()


def questions_of_dataset(
    directory: Path,
    format: Format,  # noqa: A002  (as the field)
    selection: Selection,
    inputs: Sequence[Mapping[str, Any]],
) -> list[Question]:
    """The requests that rows of a dataset make.

    Args:
        directory: where `fetch` left the file.
        format: of it.
        selection: which rows.
        inputs: what the stable revision takes, as its metadata has it.

    Raises:
        InvalidDataset: it cannot be read, or has no row that the model could take.
    """
    table, textual = read_table(directory, format, field=FIELD, most_bytes=MOST_BYTES)
    names = choose_columns(inputs, list(table), selection)
    drawn = draw(list(zip(*(table[name] for name in names), strict=True)), selection)
    return [_as_csv(names, rows) if textual else _as_json(names, rows) for rows in drawn]


def questions_of_model(directory: Path, selection: Selection) -> list[Question]:
    """The requests that the rows beside a model make, which its author packed with it.

    Raises:
        InvalidDataset: there are none.
        LoadFailure: there is no model.
    """
    path = locate_model(directory)
    folder = path if path.is_dir() else path.parent
    rows: list[Any] = []
    for file in (folder / name for name in SAMPLE_FILES):
        if file.is_file():
            rows += _read_packed(file)
    if not rows:
        raise InvalidDataset(
            f"the model has no rows beside it ({' or '.join(SAMPLE_FILES)}); name a dataset in {FIELD}.dataset"
        )
    return [Question(_JSON, _dumps({"instances": each}), len(each)) for each in draw(rows, selection)]


def _read_packed(file: Path) -> list[Any]:
    try:
        return rows_of_document(json.loads(file.read_text(encoding="utf-8")))[1]
    except InputError as error:
        raise InvalidDataset(f"{file.name} beside the model holds no rows: {error.message}") from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InvalidDataset(f"{file.name} beside the model holds no rows: {words(error)}") from error


def choose_columns(inputs: Sequence[Mapping[str, Any]], columns: Sequence[str], selection: Selection) -> list[str]:
    """The columns of a dataset that are asked: by name where the model knows names, else all that it may see, in their order.

    Raises:
        InvalidDataset: none of them is the model's, or their number is another one.
    """
    visible = [name for name in columns if name not in selection.hidden]
    wanted = _names_of(inputs)
    if wanted:
        known = [name for name in wanted if name in visible]
        if not known:
            raise InvalidDataset(f"the dataset has none of the columns that the model takes, such as {wanted[0]!r}")
        return known
    width = _width_of(inputs)
    if width is not None and len(visible) != width:
        fewer = [name for name in visible if name not in selection.groups]
        if len(fewer) != width:
            raise InvalidDataset(f"the model takes {width} values a row, and the dataset has {len(visible)} columns")
        return fewer
    return visible


def _names_of(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the columns that a model takes; none where it was trained on arrays."""
    names = [str(each.get("name")) for each in inputs]
    if len(names) > 1:
        return names
    parameters = inputs[0].get("parameters") if inputs else None
    columns = parameters.get("columns") if isinstance(parameters, Mapping) else None
    if isinstance(columns, list) and columns:
        return list(map(str, columns))
    return names if _is_column(inputs) else []


def _is_column(inputs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the only input is a column of its own name, and no matrix or text."""
    return bool(inputs) and inputs[0].get("name") != "input" and list(inputs[0].get("shape") or ())[1:] == [1]


def _width_of(inputs: Sequence[Mapping[str, Any]]) -> int | None:
    shape = list(inputs[0].get("shape") or ()) if len(inputs) == 1 else []
    width = shape[1] if len(shape) == 2 else None
    return width if isinstance(width, int) and width > 0 else None


def draw(rows: Sequence[Any], selection: Selection) -> list[list[Any]]:
    """Different rows in a random order that is the same each time, as many together as a request has."""
    order = list(range(len(rows)))
    random.Random(SEED).shuffle(order)  # noqa: S311  (nothing secret is drawn)
    chosen = list(islice(_different(rows, order), selection.requests * selection.rows_per_request))
    return [chosen[at : at + selection.rows_per_request] for at in range(0, len(chosen), selection.rows_per_request)]


def _different(rows: Sequence[Any], order: Sequence[int]) -> Iterator[Any]:
    known = set()
    for index in order:
        text = repr(rows[index])
        if text not in known:
            known.add(text)
            yield rows[index]


def _as_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Question:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return Question(_CSV, text.getvalue().encode(), len(rows))


def _as_json(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Question:
    return Question(_JSON, _dumps({"dataframe_split": {"columns": names, "data": rows}}), len(rows))


def _dumps(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
