"""Show what a preflight found: as text, JSON, Markdown for a pull request, or JUnit's XML for a pipeline. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from modelway.cli.candidate_table import CANDIDATE_HEADER, rows_of_candidates
from modelway.cli.output import align, number
from modelway.cli.preflight_junit import junit
from modelway.cli.preflight_result import NOT_TRIED, PASSED, PROVED, Result

HEADER: Final = ("METRIC", "SLICE", "LIMIT", "VALUE", "STABLE", "DIFFERENCE", "INTERVAL", "ROWS", "OUTCOME")
_NOT_WORSE: Final = "notWorseThanStableBy"
_NOTHING: Final = "-"


def render(result: Result, name: str, output: str) -> str:
    """The result as text that ends with a line break.

    Args:
        result: of the preflight.
        name: of the model.
        output: text, json, markdown or junit.
    """
    renderers: dict[str, Callable[[Result, str], str]] = {
        "text": _text,
        "json": _json,
        "markdown": _markdown,
        "junit": junit,
    }
    return renderers[output](result, name).rstrip("\n") + "\n"


def headline(result: Result, name: str) -> str:
    """The verdict in one line."""
    if result.exit_status == PASSED:
        return f"{name} passed{f': {result.message}' if result.message else ''}."
    ending = "was not tried" if result.exit_status == NOT_TRIED else "is refused"
    return f"{name} {ending}: {result.reason}: {result.message}."


def rows_of(criteria: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The table of metrics without its header."""
    return [
        (
            criterion["metric"],
            criterion.get("slice", _NOTHING),
            limit_of(criterion),
            number(criterion.get("value")),
            number(criterion.get("stable")),
            number(criterion.get("difference")),
            _interval(criterion),
            str(criterion.get("rows", _NOTHING)),
            outcome_of(criterion),
        )
        for criterion in criteria
    ]


def limit_of(criterion: Mapping[str, Any]) -> str:
    """The rule and its number, as the spec has them."""
    rule, threshold = criterion["rule"], criterion["threshold"]
    return f"{rule} {number(-threshold if rule == _NOT_WORSE else threshold)}"


def outcome_of(criterion: Mapping[str, Any]) -> str:
    """The outcome, with the rows that would tell where it is inconclusive."""
    needed = criterion.get("rowsNeeded")
    return f"{criterion['outcome']}{f' (needs {needed} rows)' if needed is not None else ''}"


def _interval(criterion: Mapping[str, Any]) -> str:
    low, high = criterion.get("low"), criterion.get("high")
    return _NOTHING if low is None and high is None else f"{number(low)} to {number(high)}"


def _text(result: Result, name: str) -> str:
    changes, tests, criteria = (result.shown(part) for part in (result.changes, result.tests, result.criteria))
    lines = [headline(result, name), *([result.remedy] if result.remedy else [])]
    if changes:
        lines += ["", "Contract:", *(f"  {_change(change)}" for change in changes)]
    if tests:
        lines += ["", "Smoke tests:", *(f"  {_test(test)}" for test in tests)]
    if result.candidates:
        lines += ["", *align([CANDIDATE_HEADER, *rows_of_candidates(result.candidates, result.choice)])]
    if criteria:
        lines += ["", *align([HEADER, *rows_of(criteria)])]
    return "\n".join([*lines, *result.notes])


def _change(change: Mapping[str, Any]) -> str:
    return f"{change['change']}{' (breaks clients)' if change['breaks'] else ''}"


def _test(test: Mapping[str, Any]) -> str:
    return f"{test['test']}: {test['outcome']}{f': {problem}' if (problem := test.get('problem')) else ''}"


def _json(result: Result, name: str) -> str:
    return json.dumps({"name": name, "passed": result.reason == PROVED, **result.as_json()}, indent=2)


def _markdown(result: Result, name: str) -> str:
    sign = {PASSED: "✅", NOT_TRIED: "⚠️"}.get(result.exit_status, "❌")
    lines = [f"### {sign} {_escape(headline(result, name))}", "", _escape(result.remedy), ""]
    if result.candidates:
        rows = rows_of_candidates(result.candidates, result.choice)
        lines += [_row(CANDIDATE_HEADER), _row(["---"] * len(CANDIDATE_HEADER)), *map(_row, rows), ""]
    if criteria := result.shown(result.criteria):
        lines += [_row(HEADER), _row(["---"] * len(HEADER)), *map(_row, rows_of(criteria)), ""]
    lines += [f"- {_escape(note)}" for note in result.notes]
    lines += [f"- contract: {_escape(_change(change))}" for change in result.shown(result.changes)]
    lines += [f"- smoke test {_escape(_test(test))}" for test in result.shown(result.tests)]
    return "\n".join(line for index, line in enumerate(lines) if line or (index and lines[index - 1]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escape, cells))} |"


def _escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>|#" else character for character in text)
