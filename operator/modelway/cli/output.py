"""Print columns for people and documents for programs, the same way in every command."""

import json
from collections.abc import Sequence
from typing import Any

from modelway.yaml_text import yaml_text

_GAP = "   "


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row; cells of one column begin at the same place.

    Args:
        rows: of as many cells each, the header first.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def number(value: float | None) -> str:
    """A measure as people read it; a dash where there is none."""
    return "-" if value is None else f"{value + 0.0:.4g}"


def as_text(document: Any, output: str) -> str:
    """A document as `json` or `yaml`, with the end of its last line."""
    return f"{json.dumps(document, indent=2)}\n" if output == "json" else yaml_text(document)
