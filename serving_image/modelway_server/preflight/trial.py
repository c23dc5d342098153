"""What a preflight finds out of one model, step by step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from modelway_server.engines.failure_note import read_failure
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import LoadCrashed, LoadFailure
from modelway_server.evaluation.selection import Contestant
from modelway_server.preflight.changes import Change
from modelway_server.preflight.child import MODEL, PreparedModel
from modelway_server.preflight.contract import check_contract, contract_changes, fingerprint_of
from modelway_server.preflight.evaluate import Findings
from modelway_server.preflight.footprint import Footprint, size_of
from modelway_server.preflight.smoke_tests import Outcome, check_outcomes, outcomes_of
from modelway_server.preflight.spec import SmokeTest

_MEBIBYTE: Final = 1 << 20


@dataclass
class Trial:
    """The trial of one model.

    Attributes:
        model: that is tried.
        changes: of the contract; None where there is no stable model.
        outcomes: of the smoke tests.
        footprint: what the model costs; None where it was not measured.
        findings: of the evaluation; None where there is none.
        engine: that evaluates the model; empty where nobody knows.
        size: bytes of the model; None where nobody knows.
        failure: why the model is out; None where it is not.
        fingerprint: of its contract, as `fingerprint_of` has it; empty where nobody knows.
    """

    model: PreparedModel
    changes: Sequence[Change] | None = None
    outcomes: Sequence[Outcome] = ()
    footprint: Footprint | None = None
    findings: Findings | None = None
    engine: str = ""
    size: int | None = None
    failure: LoadFailure | None = None
    fingerprint: str = ""

    def note(self, work: Callable[[], object]) -> None:
        """Do a part of the trial, unless the model is out; it is out if the part fails.

        Raises:
            LoadFailure: another try may succeed, so nothing is known of the model.
        """
        if self.failure is not None:
            return
        try:
            work()
        except LoadFailure as failure:
            if failure.may_pass:
                name = self.model.name
                message = failure.message if name == MODEL else f"candidate {name}: {failure.message}"
                raise type(failure)(message, remedy=failure.remedy) from failure
            self.failure = failure

    def read_preparation(self, stable: PreparedModel | None, demand: str) -> None:
        """Read what `prepare` left, and compare the contract with that of the stable model.

        Args:
            stable: None where there is none.
            demand: on the contract, as the spec has it.

        Raises:
            LoadFailure: the model cannot be served, or not in the place of the stable one.
        """
        if (failure := read_failure(self.model.prepared_dir)) is not None:
            raise failure
        prepared = Prepared.read(self.model.prepared_dir)
        self.fingerprint = fingerprint_of(prepared)
        self.engine, self.size = prepared.engine, size_of(self.model, prepared)
        if stable is not None:
            self.changes = contract_changes(self.model, stable)
            check_contract(self.changes, demand)

    def take_answers(self, tests: Sequence[SmokeTest], result: Mapping[str, Any]) -> None:
        """Take the answers to the smoke tests.

        Raises:
            SmokeTestFailed: one is wrong.
            LoadCrashed: the process with the model wrote no answers.
        """
        with _result_of_a_model():
            self.outcomes = outcomes_of(tests, result)
        check_outcomes(self.outcomes)

    def take_footprint(self, result: Mapping[str, Any]) -> None:
        """Take what was measured.

        Raises:
            LoadCrashed: the process with the model wrote no measurements.
        """
        with _result_of_a_model():
            self.footprint = Footprint.of(result)

    def take_findings(self, findings: Findings | LoadFailure) -> None:
        """Take what the evaluation found."""
        if isinstance(findings, LoadFailure):
            self.failure = findings
        else:
            self.findings, self.failure = findings, findings.failure

    @property
    def contestant(self) -> Contestant:
        """What a choice takes."""
        return Contestant(
            name=self.model.name,
            value=None if self.findings is None else self.findings.value,
            cost=None if self.footprint is None else self.footprint.cost,
            is_out=self.failure is not None,
        )

    def row(self) -> dict[str, Any]:
        """What a table says of it; members without a value are left out."""
        value = self.findings
        members = {
            "name": self.model.name,
            "value": None if value is None else value.value,
            "low": None if value is None else value.low,
            "high": None if value is None else value.high,
            "latencyMs": None if self.footprint is None else 1000 * self.footprint.seconds,
            "memoryMiB": None if self.footprint is None else self.footprint.memory / _MEBIBYTE,
            "sizeMiB": None if self.size is None else self.size / _MEBIBYTE,
            "engine": self.engine or None,
            "reason": None if self.failure is None else self.failure.reason,
        }
        return {name: _short(member) for name, member in members.items() if member is not None}


@contextmanager
def _result_of_a_model() -> Iterator[None]:
    """What the process with a model wrote in place of a result is a failure of that model alone."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise LoadCrashed("the process with the model wrote an invalid result") from error


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
