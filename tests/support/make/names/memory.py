"""What a long computation answered, as long as nothing changes that the answer came from.

The answer is kept with the digest of each file of this checkout that the computation imported, and with the versions of what
is installed. Where all of these are as they were, it would be the same again.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from support.make.caches import cache_of

ROOT = Path(__file__).resolve().parents[4]
SOURCES = tuple(ROOT / folder for folder in ("serving_image", "tests"))


def remember(name: str, compute: Callable[[], set[str]]) -> set[str]:
    """The answer of `compute`, which may depend on nothing but what it imports.

    Args:
        name: of the computation, for the file that keeps the answer.
        compute: imports what it needs itself, so that an answer that is kept costs no import.
    """
    file = cache_of("answers") / f"{name}.json"
    libraries = _libraries()
    memo = _read(file)
    if memo.get("libraries") == libraries and all(_digest(ROOT / path) == was for path, was in memo["sources"].items()):
        return set(memo["answer"])
    answer = compute()
    _write(file, {"libraries": libraries, "sources": _sources(), "answer": sorted(answer)})
    return answer


def _libraries() -> list[str]:
    """Python, and everything that is installed for it but this checkout."""
    installed = {f"{one.name} {one.version}" for one in distributions() if one.name != "modelway"}
    return [sys.version, *sorted(installed)]


def _sources() -> dict[str, str]:
    """The digests of the files of this checkout that were imported, by path."""
    files = {Path(file) for module in sys.modules.copy().values() if (file := getattr(module, "__file__", None))}
    own = sorted(file for file in files if any(file.is_relative_to(folder) for folder in SOURCES))
    return {str(file.relative_to(ROOT)): _digest(file) for file in own}


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _read(file: Path) -> dict[str, Any]:
    try:
        memo: dict[str, Any] = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return memo


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as draft:
        json.dump(content, draft)
    Path(draft.name).replace(file)
