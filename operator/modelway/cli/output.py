"""Print columns for people and documents for programs, the same way in every command."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from modelway.yaml_text import yaml_text

_GAP = "   "
WIDTH = 110
"""Characters after which running text goes on in the next line."""


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row; cells of one column begin at the same place.

    Args:
        rows: of as many cells each, the header first.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def align_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Lines of titles and texts; the texts begin at the same place, and long ones are wrapped."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    for name, text in listed:
        first, *rest = textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False) or [
            ""
        ]
        yield f"{name.ljust(width)}  {first}"
        yield from (f"{' ' * width}    {line}" for line in rest)


def number(value: float | None) -> str:
    """A measure as people read it; a dash where there is none."""
    return "-" if value is None else f"{value + 0.0:.4g}"


def as_text(document: Any, output: str) -> str:
    """A document as `json` or `yaml`, with the end of its last line."""
    return f"{json.dumps(document, indent=2)}\n" if output == "json" else yaml_text(document)
