"""How far a rollout has come: all that the planner remembers, written into status after each pass and read from there by the next. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from modelway.api.status import LONGEST_MESSAGE, RolloutMeasure, RolloutStatus
from modelway.rollout.judge import Counts
from modelway.rollout.measures import CANDIDATE, STABLE, Evidence, Series, requests_in
from modelway.rollout.replay import Replaying, known_part, without


class Phase(StrEnum):
    """How far a candidate has come."""

    STARTING = "Starting"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"


ON_TRIAL = frozenset({Phase.STARTING, Phase.PROGRESSING, Phase.PAUSED})
"""The phases in which the candidate may still go either way."""
UNDER_WAY = ON_TRIAL | {Phase.PROMOTING}
"""The phases in which the candidate has pods of its own."""


def is_on_trial(status: Mapping[str, Any]) -> bool:
    """Whether the status of a ModelDeployment tells of a candidate that may still go either way."""
    return (status.get("rollout") or {}).get("phase") in ON_TRIAL


class Cause(StrEnum):
    """Why a candidate rolled back."""

    ANALYSIS = "Analysis"
    CANDIDATE_FAILED = "CandidateFailed"
    CANDIDATE_NOT_READY = "CandidateNotReady"
    TIMEOUT = "Timeout"
    ABORTED = "Aborted"


class Pause(StrEnum):
    """What holds a rollout."""

    SPEC = "Spec"
    ORDER = "Order"
    TIMEOUT = "Timeout"
    SUSPEND = "Suspend"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """A rollout under way, or the record of the last one. `api.status.RolloutStatus` says what each field means."""

    id: str
    strategy: str
    phase: Phase
    revision: str
    stable: str
    attempt: int
    step: int = 0
    steps: int
    weight: int = 0
    mirror: int = 0
    routing: str | None = None
    honouring: int = 0
    pods: int = 0
    started: datetime
    timeout_from: datetime | None = None
    since: datetime | None = None
    unready: datetime | None = None
    unserved: datetime | None = None
    share_from: datetime | None = None
    paused: datetime | None = None
    pause: Pause | None = None
    ended: datetime | None = None
    message: str = ""
    cause: Cause | None = None
    by: str | None = None
    order: datetime | None = None
    requests_before: int = 0
    measures: tuple[RolloutMeasure, ...] = ()
    replay: Replaying | None = None

    @property
    def is_on_trial(self) -> bool:
        """Whether the candidate may still go either way."""
        return self.phase in ON_TRIAL

    @property
    def is_under_way(self) -> bool:
        """Whether the candidate has pods of its own."""
        return self.phase in UNDER_WAY

    @property
    def traffic(self) -> str:
        """What the candidate gets of the requests, for people: `5%`, `copies 100%`; empty once it has taken over or gone."""
        if not self.is_under_way:
            return ""
        return f"copies {self.mirror}%" if self.mirror and not self.weight else f"{self.weight}%"

    @property
    def evidence(self) -> Evidence:
        """What the servers had counted when the state was written."""
        counts: dict[Series, Counts] = {}
        for one in (measure for measure in self.measures if measure.source is None):
            counts[Series(one.name, CANDIDATE)] = Counts(one.bad, one.trials)
            if one.stable_trials is not None:
                counts[Series(one.name, STABLE)] = Counts(one.stable_bad or 0, one.stable_trials)
        return counts

    @property
    def live_evidence(self) -> Evidence:
        """The part of it that clients' requests gave."""
        return self._without_replay(self.evidence)

    def client_requests(self, total: Evidence) -> int:
        """How many requests of clients the candidate has got, where replayed rows count in a total too."""
        return requests_in(self._without_replay(total))

    def _without_replay(self, total: Evidence) -> Evidence:
        return without(total, self.replay.evidence if self.replay is not None else {})

    def to_status(self) -> dict[str, Any]:
        """The value of `status.rollout`."""
        fields = {
            "traffic": self.traffic,
            **({"pods": f"{self.honouring}/{self.pods}"} if self.pods else {}),
            **{name: str(value) for name in ("phase", "pause", "cause") if (value := getattr(self, name)) is not None},
            **{name: _text(value) for name in _TIMES if (value := getattr(self, name)) is not None},
            **{name: getattr(self, name) for name in _PLAIN},
            "message": self.message[:LONGEST_MESSAGE],
            **({"replay": self.replay.to_status()} if self.replay is not None else {}),
        }
        written = RolloutStatus.model_construct(**fields).model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: value for name, value in written.items() if value not in ("", [])}

    @classmethod
    def from_status(cls, document: Mapping[str, Any] | None) -> "RolloutState | None":
        """The state that `status.rollout` holds; None where there is none, or none that this release understands.

        Args:
            document: as the API server hands it out; fields that a later release wrote are ignored.
        """
        if not document:
            return None
        measures = [_known(one, RolloutMeasure) for one in document.get("measures") or ()]
        try:
            replay = {"replay": known_part(document["replay"])} if document.get("replay") else {}
            known = {**_known(document, RolloutStatus), "measures": measures, **replay}
            status = RolloutStatus.model_validate_json(json.dumps(known))
            return cls._of(status)
        except (ValidationError, ValueError, KeyError, TypeError):
            return None

    @classmethod
    def _of(cls, status: RolloutStatus) -> "RolloutState":
        honouring, _, pods = (status.pods or "0/0").partition("/")
        fields: dict[str, Any] = {name: getattr(status, name) for name in _PLAIN}
        times = {name: _time(text) for name in _TIMES if (text := getattr(status, name))}
        return cls(
            **{**fields, **times, "message": status.message or ""},
            honouring=int(honouring),
            pods=int(pods),
            phase=Phase(status.phase),
            pause=Pause(status.pause) if status.pause else None,
            cause=Cause(status.cause) if status.cause else None,
            replay=Replaying.from_status(status.replay) if status.replay is not None else None,
        )


_TIMES = ("started", "timeout_from", "since", "unready", "unserved", "share_from", "paused", "ended", "order")
_PLAIN = (
    *("id", "strategy", "revision", "stable", "attempt", "step", "steps", "weight", "mirror", "message", "by"),
    *("routing", "requests_before", "measures"),
)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time


def _text(time: datetime) -> str:
    precision = "milliseconds" if time.microsecond else "seconds"
    return time.isoformat(timespec=precision).replace("+00:00", "Z")


def _known(document: Any, model: type[RolloutStatus | RolloutMeasure]) -> dict[str, Any]:
    names = {field.alias or name for name, field in model.model_fields.items()}
    return {name: value for name, value in dict(document).items() if name in names}
