"""The field spec.preflight as `prove` gets it: one JSON document, checked and read."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ANY: Final = "Any"
COMPATIBLE: Final = "Compatible"
"""Values of `contract`: whether a contract that changed is only told, or refused."""
TOLERANCE: Final = 1e-6
MAX_SMOKE_TESTS: Final = 16
_MEMBERS: Final = frozenset({"enabled", "contract", "timeoutSeconds", "smokeTests", "evaluation"})
_OF_TEST: Final = frozenset({"name", "request", "expect", "tolerance"})


class InvalidPreflight(ValueError):
    """A document is not spec.preflight; the text names the member at fault."""


@dataclass(frozen=True, kw_only=True)
class SmokeTest:
    """A request, and what its answer must hold.

    Attributes:
        name: for messages.
        request: a V1 or V2 request.
        expect: the members of the answer that must match.
        tolerance: of numbers, relative and absolute.
    """

    name: str
    request: Mapping[str, Any]
    expect: Mapping[str, Any]
    tolerance: float = TOLERANCE


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What a model must show.

    Attributes:
        contract: ANY or COMPATIBLE.
        smoke_tests: in the order of the spec.
        evaluation: as it stands in the spec; None where there is none.
    """

    contract: str = ANY
    smoke_tests: tuple[SmokeTest, ...] = ()
    evaluation: Mapping[str, Any] | None = None


def read_preflight(text: str) -> Preflight:
    """Read spec.preflight.

    Args:
        text: its JSON.

    Raises:
        InvalidPreflight: it is none.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidPreflight(f"it is no JSON ({error})") from error
    except RecursionError as error:
        raise InvalidPreflight("it is nested too deeply") from error
    _check_members(document, _MEMBERS, "")
    contract = document.get("contract") or ANY
    if contract not in {ANY, COMPATIBLE}:
        raise InvalidPreflight(f"contract is {contract!r}; write {ANY} or {COMPATIBLE}")
    tests, evaluation = document.get("smokeTests"), document.get("evaluation")
    tests = [] if tests is None else tests
    if not isinstance(tests, list) or len(tests) > MAX_SMOKE_TESTS:
        raise InvalidPreflight(f"smokeTests must be an array of at most {MAX_SMOKE_TESTS} tests")
    if not isinstance(evaluation, dict | None):
        raise InvalidPreflight("evaluation must be an object")
    smoke_tests = tuple(_smoke_test(test, f"smokeTests[{index}]") for index, test in enumerate(tests))
    return Preflight(contract=contract, smoke_tests=smoke_tests, evaluation=evaluation)


def _smoke_test(document: Any, place: str) -> SmokeTest:
    _check_members(document, _OF_TEST, place)
    name, tolerance = document.get("name") or place, document.get("tolerance")
    tolerance = TOLERANCE if tolerance is None else tolerance
    if not isinstance(name, str):
        raise InvalidPreflight(f"{place}.name must be a string")
    for member in ("request", "expect"):
        if not isinstance(document.get(member), dict):
            raise InvalidPreflight(f"{place}.{member} must be an object")
    if type(tolerance) not in {int, float} or not math.isfinite(tolerance) or tolerance < 0:
        raise InvalidPreflight(f"{place}.tolerance is {tolerance!r}; write a number of 0 or more")
    return SmokeTest(name=name, request=document["request"], expect=document["expect"], tolerance=tolerance)


def _check_members(document: Any, known: frozenset[str], place: str) -> None:
    if not isinstance(document, dict):
        raise InvalidPreflight(f"{place or 'the document'} must be an object")
    for name in document:
        if name not in known:
            raise InvalidPreflight(
                f"{place}{'.' if place else ''}{name} is unknown; it takes {', '.join(sorted(known))}"
            )
