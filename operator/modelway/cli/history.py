"""`modelway history`: the revisions of a model, and what changed from one to the next."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from modelway.cli.candidate_table import CANDIDATE_HEADER, rows_of_candidates
from modelway.cli.cluster_session import ask
from modelway.cli.commands import program
from modelway.cli.evidence_text import short_digest
from modelway.cli.output import align, align_pairs, as_text
from modelway.cli.revisions import Record, differences, records_of, serving_of, wanted_of
from modelway.cli.rollout_text import phase_text, rollout_of
from modelway.cli.summary import age
from modelway.cluster.reader import Reader
from modelway.cluster.snapshot import Object
from modelway.desired.contestants import model_on_record
from modelway.desired.evidence import ACCEPTED, Evidence
from modelway.printable import one_line
from modelway.rollout.state import Phase

_HEADER = ["REVISION", "HASH", "AGE", "STATE", "PREFLIGHT", "DIGEST", "VERSION", "MODEL", "CHANGED"]


def run(arguments: argparse.Namespace) -> int:
    """Print the table, newest first, or the same for programs."""

    async def read(reader: Reader) -> tuple[Object, list[Object]]:
        namespace = arguments.namespace or reader.namespace
        return await reader.resource(namespace, arguments.name), await reader.records(namespace, arguments.name)

    resource, objects = ask(arguments, read)
    rows = describe(resource, records_of(resource, objects))
    if arguments.output != "table":
        print(as_text(rows, arguments.output), end="")
        return 0
    print(table(rows, now=datetime.now(UTC)))
    if len(rows) > 1:
        print(f"\nTo go back: {program()} undo {arguments.name} --to REVISION")
    return 0


def describe(resource: Object, records: Sequence[Record]) -> list[dict[str, Any]]:
    """Each revision in the words of the command, newest first."""
    older: list[Record | None] = [*records[1:], None]
    return [_row(resource, record, before) for record, before in zip(records, older, strict=True)]


def _row(resource: Object, record: Record, before: Record | None) -> dict[str, Any]:
    rollout = rollout_of(resource)
    choice, candidates = (record.evidence.choice, record.evidence.candidates) if record.evidence else ("", ())
    model = model_on_record(record.inputs.get("model") or {}, choice)
    return {
        "revision": record.number,
        "hash": record.hash,
        "created": record.created,
        "state": _state(resource, record, rollout),
        "rollout": _outcome(rollout) if rollout.get("revision") == record.hash else None,
        "preflight": _verdict(record.evidence),
        "digest": (record.evidence and record.evidence.digest) or None,
        "version": model.get("version"),
        "model": model.get("uri", ""),
        **({"choice": choice or None, "candidates": [dict(one) for one in candidates]} if candidates else {}),
        "changed": sorted(differences(before.inputs, record.inputs)) if before else [],
    }


def _state(resource: Object, record: Record, rollout: Mapping[str, Any]) -> str | None:
    """Which part a revision plays at present; None where it plays none."""
    if record.hash == serving_of(resource):
        return "serves"
    if record.hash != wanted_of(resource)[0]:
        return None
    return (
        "rolled back"
        if (rollout.get("revision"), rollout.get("phase")) == (record.hash, Phase.ROLLED_BACK)
        else "comes"
    )


_KEPT = ("strategy", "phase", "cause", "by", "started", "ended", "message")
"""What is told of a rollout; the counts are in status alone."""


def _outcome(rollout: Mapping[str, Any]) -> dict[str, Any]:
    return {field: rollout[field] for field in _KEPT if field in rollout}


def _verdict(evidence: Evidence | None) -> str | None:
    """`Accepted`, or the reason of the refusal."""
    if evidence is None:
        return None
    return ACCEPTED if evidence.accepted else evidence.reason


def table(rows: Sequence[dict[str, Any]], *, now: datetime) -> str:
    """A line for each, and below how its rollout went, and a table of the models that competed in it."""
    if not rows:
        return "There is no revision yet: the operator has not followed this spec, or does not run."
    lines = align([_HEADER, *(_cells(row, now) for row in rows)])
    for row in rows:
        if row["rollout"]:
            lines += [
                "",
                *align_pairs([(f"Rollout of revision {row['revision']}", _rollout_text(row["rollout"], now))]),
            ]
        if candidates := row.get("candidates"):
            table = align([CANDIDATE_HEADER, *rows_of_candidates(candidates, row["choice"] or "")])
            lines += ["", f"What competed in revision {row['revision']}:", *(f"  {line}" for line in table)]
    return "\n".join(lines)


def _rollout_text(rollout: Mapping[str, Any], now: datetime) -> str:
    """How the last rollout went: `Canary, rolled back 3m ago: disagreement 9 of 61 ...`."""
    ended = f" {age(rollout['ended'], now)} ago" if rollout.get("ended") else ""
    by = f", asked by {rollout['by']}" if rollout.get("by") else ""
    message = f": {one_line(rollout['message'])}" if rollout.get("message") else ""
    return f"{rollout.get('strategy', '')}, {phase_text(rollout)}{ended}{by}{message}"


def _cells(row: dict[str, Any], now: datetime) -> list[str]:
    digest = short_digest(row["digest"] or "")
    cells = [
        row["hash"],
        age(row["created"], now),
        row["state"],
        row["preflight"],
        digest,
        row["version"],
        row["model"],
    ]
    return [str(row["revision"]), *(text or "-" for text in cells), ", ".join(row["changed"]) or "-"]
