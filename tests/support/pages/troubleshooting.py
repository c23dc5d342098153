"""The tables of docs/troubleshooting.md, made from the catalogue of reasons; the words around them are written by hand."""

import re
from pathlib import Path

from modelway.status.reasons import Reason, Topic

PAGE = Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md"

_SECTION = re.compile(r"(<!-- Made by `make generate`: ([^\n]+) -->\n).*?(<!-- Written by hand again. -->)", re.DOTALL)


def page() -> str:
    """The whole page as it should be.

    Raises:
        ValueError: the page marks a section of no known topic.
    """
    return _SECTION.sub(lambda match: match[1] + _table(Topic(match[2])) + match[3], PAGE.read_text())


def _table(topic: Topic) -> str:
    rows = [reason for reason in Reason if reason.topic is topic]
    lines = ["| reason | meaning | what to do | `Stalled` |", "|---|---|---|---|", *map(_row, rows)]
    return "\n" + "\n".join(lines) + "\n\n"


def _row(reason: Reason) -> str:
    return (
        f"| `{reason}` | {reason.meaning} | {reason.remedy or 'Nothing.'} | {'' if reason.waiting_cures else 'yes'} |"
    )
