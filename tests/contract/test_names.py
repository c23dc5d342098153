"""A value is called by what it is, not by how it came to be."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from support.pages.blocks import ROOT

SOURCES: Final = ("operator", "serving_image", "tests", "examples")
PARTICIPLES: Final = frozenset(
    {"asked", "caught", "dying", "explained", "found", "given", "kept", "lived", "made", "said", "seen", "told"}
)
_BINDING: Final = re.compile(rf"\b_*(?:{'|'.join(PARTICIPLES)})_*\s*(?:[=:,()\]]|in\b)")
"""What may bind one of them. Most files have none, and need not be parsed."""


def _names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that the code binds, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name, node.lineno


def _places(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8")
    names = _names(ast.parse(text)) if _BINDING.search(text) else ()
    return [f"{file.relative_to(ROOT)}:{line} {name}" for name, line in names if name.strip("_") in PARTICIPLES]


def test_no_name_is_a_bare_participle() -> None:
    files = [file for source in SOURCES for file in sorted((ROOT / source).rglob("*.py"))]
    assert len(files) > 500
    assert [place for file in files for place in _places(file)] == []
