"""The blocks of README, docs and examples: what a reader pastes, and what the pages say of it."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
_FENCE: Final = re.compile(r"( *)```(\w*)$")


@dataclass(frozen=True)
class Block:
    """One block of a page.

    Attributes:
        page: its path below the root of the repository.
        line: where it begins, from 1.
        language: what its fence says; "" for an indented block.
        text: without its indentation.
    """

    page: str
    line: int
    language: str
    text: str


def all_blocks() -> list[Block]:
    """The blocks of all pages, in order."""
    return [block for page in PAGES for block in blocks(page)]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced and the indented blocks of a page."""
    return blocks_in(page.read_text(), str(page.relative_to(ROOT)))


def blocks_in(text: str, name: str) -> Iterator[Block]:
    """The blocks of a page's text, or of a part of it, whose lines are counted from its own beginning."""
    lines, number = text.splitlines(), 0
    while number < len(lines):
        fence, begin = _FENCE.match(lines[number]), number
        if fence:
            number = lines.index(f"{fence[1]}```", begin + 1)
            yield _block(name, begin + 2, fence[2], lines[begin + 1 : number])
        elif _is_indented(lines, begin):
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number].strip()):
                number += 1
            yield _block(name, begin + 1, "", lines[begin:number])
            number -= 1
        number += 1


def _is_indented(lines: list[str], number: int) -> bool:
    return lines[number].startswith("    ") and (number == 0 or not lines[number - 1].strip())


def _block(page: str, line: int, language: str, lines: list[str]) -> Block:
    return Block(page, line, language, textwrap.dedent("\n".join(lines)).strip("\n"))
