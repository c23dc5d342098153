"""Compare the contract of a candidate with that of the stable model, by what `prepare` found of both."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

from modelway_server.contract.signature import Form
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import ContractChanged
from modelway_server.preflight.changes import Change, tell
from modelway_server.preflight.child import PreparedModel
from modelway_server.preflight.input_changes import input_changes, kind_of
from modelway_server.preflight.output_changes import output_changes
from modelway_server.preflight.spec import COMPATIBLE

MAX_TEXT: Final = 300
"""Characters of the changes in a message."""
_DIGITS: Final = 16


def fingerprint_of(prepared: Prepared) -> str:
    """A short hash of what a model takes and gives: columns or inputs in their order, methods, outputs and classes.

    Which categories it has learned is no part of it, nor is the engine.
    """
    signature = prepared.signature
    takes = [
        [column.name, *([kind_of(column), column.nullable, column.categories is None] if column.used else [])]
        for column in signature.columns
    ]
    gives = {method: [astuple(output) for output in signature.outputs.get(method, ())] for method in prepared.methods}
    tensors = [astuple(each) for each in signature.inputs]
    form = signature.form if signature.form in {Form.TEXT, Form.TENSORS} else Form.MATRIX
    content = [form, signature.named, signature.width, takes, tensors, prepared.methods, gives]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:_DIGITS]


def contract_changes(candidate: PreparedModel, stable: PreparedModel) -> list[Change]:
    """What differs, those changes first that break a client.

    Raises:
        LoadFailed: `prepare` of this release has not filled one of the folders.
    """
    new, old = Prepared.read(candidate.prepared_dir), Prepared.read(stable.prepared_dir)
    changes = [*input_changes(new.signature, old.signature), *output_changes(new, old)]
    return sorted(changes, key=lambda change: not change.breaks)


def describe_changes(changes: Sequence[Change]) -> str:
    """The changes in at most MAX_TEXT characters; empty where there are none."""
    return tell(changes, MAX_TEXT)


def check_contract(changes: Sequence[Change], demand: str) -> None:
    """Refuse a contract that breaks clients, where the spec demands a compatible one.

    Raises:
        ContractChanged: it does.
    """
    breaking = [change for change in changes if change.breaks]
    if breaking and demand == COMPATIBLE:
        raise ContractChanged(f"the contract is not that of the stable revision: {tell(breaking, MAX_TEXT)}")
