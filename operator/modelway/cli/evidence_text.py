"""Tell what preflights found out, in lines for a person. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelway.cli.candidate_table import describe_candidate
from modelway.cluster.snapshot import Object
from modelway.desired.evidence import ACCEPTED

_MOST_REVISIONS = 3
_SHOWN_DIGITS = 12


def describe_evidence(resource: Object) -> Iterator[tuple[str, str]]:
    """The newest verdicts in status, each with its numbers: a title and a text for each line."""
    for entry in ((resource.get("status") or {}).get("revisions") or ())[:_MOST_REVISIONS]:
        yield f"revision {entry.get('revision', '')}", _verdict(entry)
        for candidate in entry.get("candidates") or ():
            yield "", describe_candidate(candidate, entry.get("choice", ""))
        for metric in entry.get("evaluation") or ():
            yield "", _metric(metric)


def _verdict(entry: Mapping[str, Any]) -> str:
    reason = "" if entry.get("verdict") == ACCEPTED else f" ({entry.get('reason', '')})"
    parts = [
        f"{entry.get('verdict', '').lower()}{reason}",
        short_digest(entry.get("digest", "")),
        entry.get("objectVersion", ""),
        f"{entry['choice']} serves" if entry.get("choice") else "",
        f"contract: {entry['contract']}" if entry.get("contract") else "",
    ]
    return ", ".join(part for part in parts if part)


def short_digest(digest: str) -> str:
    """The beginning of a digest, as people compare it."""
    return digest.removeprefix("sha256:")[:_SHOWN_DIGITS]


def _metric(metric: Mapping[str, Any]) -> str:
    where = f" of {metric['slice']}" if metric.get("slice") else ""
    value = f" {metric['value']:.4g}" if "value" in metric else ""
    against = f", {metric['stable']:.4g} of the one that served" if "stable" in metric else ""
    bounds = {"low", "high"} <= metric.keys()
    interval = f" ({metric['low']:.4g} to {metric['high']:.4g})" if bounds and "difference" not in metric else ""
    difference = f", difference {metric['difference']:+.4g}" if "difference" in metric else ""
    spread = f" ({metric['low']:.4g} to {metric['high']:.4g})" if bounds and difference else ""
    return (
        f"{metric.get('metric', '')}{where}{value}{interval}{against}{difference}{spread}: {metric.get('outcome', '')}"
    )
