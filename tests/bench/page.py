"""docs/performance.md, which keeps the last result of each benchmark between two markers."""

from pathlib import Path

from bench.errors import BenchError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def refresh(page: Path, target: str, text: str) -> None:
    """Put the text in place of what stands between the markers of a make target.

    Raises:
        BenchError: the page has no markers.
    """
    begin, end = (f"<!-- make {target} WRITE=1: {side} -->" for side in ("begin", "end"))
    before, first, rest = page.read_text().partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise BenchError(f"{page} has no lines {begin!r} and {end!r} between which to write")
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")
