"""Compare the contract of a candidate with that of the stable model, by what `prepare` found of both."""

from collections.abc import Sequence
from typing import Final

from modelway_server.engines.prepared import Prepared
from modelway_server.errors import ContractChanged
from modelway_server.preflight.changes import Change, tell
from modelway_server.preflight.child import PreparedModel
from modelway_server.preflight.input_changes import input_changes
from modelway_server.preflight.output_changes import output_changes
from modelway_server.preflight.spec import COMPATIBLE

MAX_TEXT: Final = 300
"""Characters of the changes in a message."""


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
