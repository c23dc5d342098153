"""The ledger in status: which revisions were accepted or refused, and on what evidence. Pure."""

from typing import Any

from modelway.desired.contestants import model_on_record
from modelway.desired.evidence import ACCEPTED, Evidence
from modelway.observed import Observed, RevisionView
from modelway.status.conditions import shorten

MOST_REVISIONS = 10


def ledger_of(observed: Observed) -> list[dict[str, Any]]:
    """The revisions of which a preflight has decided, newest first."""
    known = ((record, Evidence.parse(record.evidence)) for record in observed.revisions if record.evidence)
    entries = [_entry(record, evidence) for record, evidence in known if evidence is not None]
    return entries[:MOST_REVISIONS]


def _entry(record: RevisionView, evidence: Evidence) -> dict[str, Any]:
    entry = {
        "revision": record.revision,
        "verdict": ACCEPTED if evidence.accepted else "Refused",
        "reason": evidence.reason,
        "message": shorten(evidence.message),
        "time": evidence.time,
        "version": model_on_record(record.model, evidence.choice).get("version"),
        "digest": evidence.digest,
        "objectVersion": evidence.object_version,
        "contract": evidence.contract,
        "evaluation": [dict(one) for one in evidence.evaluation],
        "choice": evidence.choice,
        "candidates": [dict(one) for one in evidence.candidates],
    }
    return {name: value for name, value in entry.items() if value}
