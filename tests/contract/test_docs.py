"""The documentation keeps up with the code."""

import re
from pathlib import Path

import pytest

from modelway.termination import REASON_OF_EXIT_CODE
from support import reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def reasons_in_the_operator() -> set[str]:
    told = {reason for reason, _, _ in REASON_OF_EXIT_CODE.values()} | {"OutOfMemory"}
    for module in ("readiness", "reconcile", "report"):
        text = (ROOT / "operator" / "modelway" / f"{module}.py").read_text()
        told |= set(re.findall(r'Readiness\(\s*"([A-Z]\w+)"', text))
    return told


def test_every_reason_is_explained_and_no_other() -> None:
    explained = set(
        re.findall(r"^\| `([A-Z]\w+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    )
    assert explained == reasons_in_the_operator()


def test_the_field_reference_is_what_the_definition_says() -> None:
    assert reference.PAGE.read_text() == reference.page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target
