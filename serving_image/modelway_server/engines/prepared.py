"""The document `prepared.json`: `prepare` writes it beside the files of the engine, and `serve` starts from it."""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from modelway_server.contract.rows import Rows, rows_of_instances
from modelway_server.contract.signature import Form, Signature
from modelway_server.contract.signature_json import document_of, signature_of
from modelway_server.engines.folder import PREPARED
from modelway_server.errors import LoadFailed

LAYOUT = 1
"""The layout of the document. A folder with another layout comes from another release."""


PLAN, TREES, GRAPH = "plan", "trees", "graph"
"""Kinds of engines that `load.py` can restore, beside the model's own."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A model that is known to answer, and how.

    Attributes:
        digest: sha256 of the model's artifact; empty if nobody knows it.
        format: the artifact's format, as `load_runtime` takes it.
        platform: the name of the format in V2 metadata.
        engine: what evaluates the model.
        reason: why this engine was chosen, in one sentence.
        methods: the methods that the model answers, the default first.
        signature: its contract, with rows in the form that the engine takes.
        description: what clients may know of it.
        example: a row that it answers, as JSON values; a text where rows are texts.
        engine_state: what the engine itself keeps, as JSON; the document calls it `parts`.
        joined: whether rows of several requests may go to it in one call. `description` says why, or why not.
    """

    digest: str
    format: str
    platform: str
    engine: str
    reason: str
    methods: tuple[str, ...]
    signature: Signature
    description: dict[str, str]
    example: Any
    engine_state: dict[str, Any] = field(default_factory=dict)
    joined: bool = False

    def write(self, directory: Path, name: str = PREPARED) -> None:
        """Write the document into the folder, whole or not at all."""
        document = asdict(replace(self, signature=Signature(Form.MATRIX)))
        document["parts"] = document.pop("engine_state")
        document |= {"layout": LAYOUT, "signature": document_of(self.signature)}
        draft = directory / f"{name}.part"
        draft.write_text(json.dumps(document), encoding="utf-8")
        draft.replace(directory / name)

    @classmethod
    def read(cls, directory: Path, name: str = PREPARED) -> "Prepared":
        """Read the document of the folder.

        Raises:
            LoadFailed: the folder has none, or another release wrote it.
        """
        try:
            document = json.loads((directory / name).read_text(encoding="utf-8"))
            return cls._from_document(document)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LoadFailed(
                f"{directory / name} is not what `modelway-server prepare` leaves: {error}",
                remedy="Run `modelway-server prepare` of this release into that folder, or leave --prepared-dir out.",
            ) from error

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> "Prepared":
        if document.pop("layout") != LAYOUT:
            raise ValueError("another release of Modelway wrote it")
        document |= {"signature": signature_of(document["signature"]), "methods": tuple(document["methods"])}
        document["engine_state"] = document.pop("parts", {})
        return cls(**document)

    def rows(self) -> Rows:
        """Return the example as the engine takes it."""
        columns = tuple(replace(column, nullable=True, categories=None) for column in self.signature.columns)
        return rows_of_instances(replace(self.signature, columns=columns), [self.example], "example")


def plain_row(rows: Rows) -> Any:
    """Return the first row as JSON values; a string where rows are texts."""
    values = rows.values
    if isinstance(values, dict):
        if any(column.ndim > 1 for column in values.values()):
            return {name: array[:1].tolist()[0] for name, array in values.items()}
        return [_plain(column[0]) for column in values.values()]
    if isinstance(values, list):
        return values[0]
    if hasattr(values, "iloc"):
        return [_plain(values[name].iloc[0]) for name in values]
    return [_plain(value) for value in values[0]]


def _plain(value: Any) -> Any:
    native = value.item() if isinstance(value, np.generic) else value
    if native is None or native != native:  # noqa: PLR0124  (NaN)
        return None
    return native.isoformat() if isinstance(native, datetime) else native
