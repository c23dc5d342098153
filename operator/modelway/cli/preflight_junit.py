"""A preflight as JUnit's XML, which pipelines show: one case for each smoke test and each limit of a metric. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from modelway.cli.preflight_result import NOT_TRIED, PASSED, Result

_RULE_TEXTS = ("metric", "rule", "slice")


def junit(result: Result, name: str) -> str:
    """The result as a document of one suite.

    Args:
        result: of the preflight.
        name: of the model.
    """
    cases = list(_cases(result))
    if result.exit_status != PASSED and not any(case.find("failure") is not None for case in cases):
        cases.append(_whole(result))
    suite = ET.Element("testsuite", name=f"modelway evaluate {name}", tests=str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False)


def _cases(result: Result) -> Iterator[ET.Element]:
    if result.changes:
        yield _contract(result)
    for one in result.candidates:
        yield _candidate(one, result.choice)
    for test in result.shown(result.tests):
        case = _case("smoke tests", test["test"])
        if test["outcome"] == "failed":
            _add(case, "failure", test.get("problem", ""), "SmokeTestFailed")
        yield case
    for criterion in result.shown(result.criteria):
        yield _criterion(criterion, result)
    for note in result.skipped:
        case = _case("evaluation", note)
        _add(case, "skipped", note)
        yield case


def _contract(result: Result) -> ET.Element:
    case = _case("contract", "contract")
    text = "; ".join(change["change"] for change in result.shown(result.changes))
    if result.reason == "ContractChanged":
        _add(case, "failure", text, result.reason)
    else:
        ET.SubElement(case, "system-out").text = text
    return case


def _criterion(criterion: Mapping[str, Any], result: Result) -> ET.Element:
    parts = [str(criterion[part]) for part in _RULE_TEXTS if part in criterion]
    case = _case("evaluation", " ".join(parts))
    text = ", ".join(f"{part} {value}" for part, value in criterion.items() if part not in _RULE_TEXTS)
    match criterion["outcome"], result.reason:
        case ["failed", _]:
            _add(case, "failure", text, "EvaluationFailed")
        case ["inconclusive", "EvaluationInconclusive"]:
            _add(case, "failure", text, result.reason)
        case ["inconclusive", _]:
            _add(case, "skipped", text)
        case _:
            ET.SubElement(case, "system-out").text = text
    return case


def _candidate(candidate: Mapping[str, Any], choice: str) -> ET.Element:
    """A model that competed. One that cannot serve fails nothing, as long as another one can."""
    case = _case("candidates", candidate["name"])
    text = ", ".join(f"{part} {value}" for part, value in candidate.items() if part not in {"name", "message"})
    if "reason" in candidate:
        _add(case, "skipped", f"{text}: {candidate['message']}" if "message" in candidate else text)
    else:
        ET.SubElement(case, "system-out").text = f"serves, {text}" if candidate["name"] == choice else text
    return case


def _whole(result: Result) -> ET.Element:
    """What no single case tells: the model does not load, or something else was in the way."""
    case = _case("preflight", "preflight")
    tag = "error" if result.exit_status == NOT_TRIED else "failure"
    _add(case, tag, f"{result.message}. {result.remedy}", result.reason)
    return case


def _case(group: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=f"modelway.{group.replace(' ', '_')}", name=name)


def _add(case: ET.Element, tag: str, message: str, kind: str = "") -> None:
    ET.SubElement(case, tag, {"message": message} | ({"type": kind} if kind else {}))
