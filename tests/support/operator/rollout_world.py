"""A world in which a rollout runs: pods, requests, and an operator that may be killed anywhere. It has neither a cluster nor a clock."""

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from modelway.api.orders import Action, Order
from modelway.api.rollout import Rollout
from modelway.rollout.counts import Ledger, PodSample, enter, open_ledger, stable_pods
from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, SLOW, Counts
from modelway.rollout.measures import CANDIDATE, STABLE, Evidence, Series
from modelway.rollout.metrics import Reading
from modelway.rollout.planner import advance
from modelway.rollout.replay import ReplayReport
from modelway.rollout.situation import Candidate, Main, Route, Situation
from modelway.rollout.state import Phase, RolloutState
from modelway.rollout.steps import steps_of
from modelway.rollout.traffic import traffic_of

BEGIN = datetime(2026, 11, 30, 12, tzinfo=UTC)
OLD, NEW, NEXT = "old", "new", "next"
PATIENCE = timedelta(minutes=10)
MEASURES = (FAILED, REFUSED, SLOW, DISAGREEMENT)
NORMALLY_SLOW = 0.05
Crash = Literal["observed", "applied"]


def spec(strategy: str = "Canary", **fields: Any) -> Rollout:
    """The block `rollout` of a spec."""
    return Rollout.model_validate_json(json.dumps({"strategy": strategy, **fields}))


@dataclass
class ServingPod:
    """A pod under the name of the ModelDeployment."""

    revision: str
    traffic: Mapping[str, Any] | None = None
    """What it was told last, if that was about its own revision."""
    counters: Counter[tuple[Series, bool]] = field(default_factory=Counter)
    owed: float = 0.0
    is_stopped: bool = False

    def sample(self) -> PodSample:
        known_id = self.traffic["id"] if self.traffic else ""
        weight = self.traffic["weight"] if self.traffic else 0.0
        return PodSample(known_id, weight, self.is_stopped, evidence_of(self.counters))


@dataclass
class World:
    """One ModelDeployment; `OLD` serves, and the spec asks for `NEW`."""

    rollout: Rollout
    size: int = 3
    wanted: str = NEW
    is_accepted: bool = True
    is_suspended: bool = False
    serving: str | None = OLD
    """As status says."""
    main: str | None = OLD
    status: dict[str, Any] | None = None
    faults: Mapping[str, float] = field(default_factory=dict)
    """The share of bad answers of the candidate, by measure."""
    failure: str = ""
    hindrance: str = ""
    stable_serves: bool = True
    """Whether the stable pods are ready."""
    order: Order | None = None
    report: ReplayReport | None = None
    """What the Job of a replay says once it is there."""
    metrics: dict[str, Reading] = field(default_factory=dict)
    """What the sources of the spec's metrics say whenever they are asked, by the name of the metric."""
    now: datetime = BEGIN
    seed: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.pods = {f"pod-{number}": ServingPod(self.main or self.wanted) for number in range(self.size)}
        self.number = self.size
        self.candidate: str | None = None
        self.candidate_size = self.candidate_ready = 0
        self.traffic: Mapping[str, Any] | None = None
        self.replays: str | None = None
        """The id of the rollout whose Job of a replay is there."""
        self.routed = self.accepted_route = 0
        """What the route sends to the candidate, and what the Gateway knows of that."""
        self.answered_by_gateway: Counter[str] = Counter()
        """Requests that it sent to candidates, by whether one was there."""
        self.ledger: Ledger | None = None
        self.counted: dict[str, Counter[tuple[Series, bool]]] = {}
        """What was really counted, by the id of the rollout."""
        self.bad_owed: dict[Series, float] = dict.fromkeys(
            [*(Series(name, CANDIDATE) for name in MEASURES), Series(SLOW, STABLE)], 0.0
        )
        self.answered_by_candidate = 0
        self.gateway_owed = 0.0
        self.history: list[RolloutState | None] = []

    # What the operator does ------------------------------------------------------------------------------------------

    @property
    def state(self) -> RolloutState | None:
        """What status holds."""
        return RolloutState.from_status(self.status)

    @property
    def phase(self) -> Phase | None:
        return self.state.phase if self.state else None

    def operate(self, crash: Crash | None = None) -> None:
        """One pass; a crash leaves what comes after it undone, and the operator begins anew."""
        state = self.state
        situation = self.situation(state)
        if crash != "observed":
            self._apply(state)
        if crash is not None:
            self.ledger = None
            return
        after = advance(state, situation, self.now)
        self.history.append(after)
        self.status = after.to_status() if after else None
        if self.pods and all(pod.revision == self.main for pod in self.pods.values()):
            self.serving = self.main

    def situation(self, state: RolloutState | None) -> Situation:
        samples = {name: pod.sample() for name, pod in self.pods.items()}
        if state is None:
            self.ledger = None
        else:
            if self.ledger is None or self.ledger.rollout != state.id:
                self.ledger = open_ledger(state, samples)
            self.ledger = enter(self.ledger, samples, samples)
        is_rolled_out = bool(self.pods) and all(pod.revision == self.main for pod in self.pods.values())
        own = state is not None and self.candidate == state.revision
        return Situation(
            rollout=self.rollout,
            wanted=self.wanted,
            is_accepted=self.is_accepted,
            stable=self.serving,
            main=Main(self.main, is_rolled_out),
            size=self.size,
            candidate=Candidate(self.candidate_ready, self.failure, self.hindrance) if own else Candidate(),
            behind=self.candidate if self._is_led_to and not own else None,
            pods=stable_pods(state, samples, samples if self.stable_serves else ()),
            evidence=self.ledger.totals() if self.ledger else {},
            replay=self.report if state is not None and self.replays == state.id else None,
            route=Route(follows=state is None or self.accepted_route == self.routed == state.weight),
            order=self.order,
            readings={name: replace(one, at=self.now) for name, one in self.metrics.items()},
            is_suspended=self.is_suspended,
            patience=PATIENCE,
        )

    def _apply(self, state: RolloutState | None) -> None:
        """Make children as `modelway.planning` does: by the state in status, as far as it is about the wanted revision."""
        if self.is_suspended:
            return
        state = state if state is not None and state.revision == self.wanted else None
        self.main = self._stable_beside(state) or self.wanted
        candidate = state.revision if state is not None and state.is_under_way and self.is_accepted else None
        if candidate != self.candidate and self._is_led_to:
            self.routed = 0  # and the candidate stays, as `desired.farewell` has it
        else:
            if candidate != self.candidate:
                self.candidate, self.candidate_ready = candidate, 0
            self.candidate_size = self._candidate_size(state) if state is not None and candidate else 0
            self.candidate_ready = min(self.candidate_ready, self.candidate_size)
            self.routed = state.weight if state is not None and candidate and state.routing else 0
        self.traffic = traffic_of(state, self.rollout, "10.96.1.2", "uid-1") if candidate else None
        is_replaying = state is not None and state.replay is not None and state.replay.is_running
        self.replays = state.id if state is not None and candidate and state.is_on_trial and is_replaying else None

    @property
    def _is_led_to(self) -> bool:
        """Whether the Gateway may still send requests to the candidate that is there."""
        return self.candidate is not None and bool(self.routed or self.accepted_route)

    def _stable_beside(self, state: RolloutState | None) -> str | None:
        """The revision that serves on while the wanted one may not take all requests."""
        if not self.is_accepted:
            return self.serving
        if state is not None and state.phase is Phase.ROLLED_BACK:
            return state.stable
        if not self.rollout.is_judged or self.main == self.wanted or (state is not None and not state.is_on_trial):
            return None
        return self.serving

    def _candidate_size(self, state: RolloutState) -> int:
        steps = steps_of(self.rollout)
        return steps[min(state.step, len(steps) - 1)].size(self.size) if steps else self.size

    # What happens beside it ------------------------------------------------------------------------------------------

    def wait(self, **length: float) -> None:
        self.now += timedelta(**length)

    def start_candidate(self) -> None:
        if not self.failure:
            self.candidate_ready = self.candidate_size

    def kill_candidate(self) -> None:
        self.candidate_ready = 0

    def deliver(self, pods: int | None = None) -> None:
        """Tell pods what stands in the ConfigMap; without a number, all of them."""
        names = sorted(self.pods)
        for name in names if pods is None else self.random.sample(names, min(pods, len(names))):
            pod = self.pods[name]
            own = self.traffic if self.traffic and self.traffic["stable"] == pod.revision else None
            if own is None or pod.traffic is None or own["id"] != pod.traffic["id"]:
                pod.counters, pod.is_stopped = Counter(), False
            pod.traffic = own

    def answer_route(self) -> None:
        """The Gateway follows the route as it is now."""
        self.accepted_route = self.routed

    def roll(self, pods: int | None = None) -> None:
        """Replace pods of another revision than the main Deployment's; without a number, all of them."""
        old = [name for name, pod in self.pods.items() if pod.revision != self.main]
        for name in old[:pods]:
            del self.pods[name]
            self._add_pod()

    def lose_pod(self) -> None:
        """A pod vanishes with its counters, and another one comes."""
        del self.pods[self.random.choice(sorted(self.pods))]
        self._add_pod()

    def restart_pod(self) -> None:
        """A pod's server begins to count anew."""
        self.pods[self.random.choice(sorted(self.pods))].counters = Counter()

    def scale(self, size: int) -> None:
        self.size = size
        while len(self.pods) > size:
            del self.pods[self.random.choice(sorted(self.pods))]
        while len(self.pods) < size:
            self._add_pod()

    def _add_pod(self) -> None:
        self.pods[f"pod-{self.number}"] = ServingPod(self.main or self.wanted)
        self.number += 1

    def serve(self, requests: int) -> None:
        """Requests are spread over the pods, and each pod hands over its share while the candidate is there.

        Bad answers come evenly, not by chance: what chance does is the judge's to know, and this asks what becomes of its word.
        """
        self.gateway_owed += requests * self.accepted_route / 100
        taken = int(self.gateway_owed + 1e-9)
        self.gateway_owed -= taken
        self.answered_by_gateway["answered" if self.candidate_ready else "failed"] += taken
        requests -= taken
        for number, name in enumerate(sorted(self.pods)):
            pod = self.pods[name]
            if pod.traffic is None or pod.is_stopped:
                continue
            own = (requests + number) // len(self.pods)
            pod.owed += own * pod.traffic["weight"] / 100 if self.candidate_ready else 0
            taken = int(pod.owed + 1e-9)
            pod.owed -= taken
            handed_over = taken if pod.traffic["mode"] == "handover" else 0
            self.answered_by_candidate += handed_over
            self._count(pod, taken, own - handed_over)

    def _count(self, pod: ServingPod, taken: int, stable: int) -> None:
        assert pod.traffic is not None
        total = self.counted.setdefault(pod.traffic["id"], Counter())
        shares = {Series(name, CANDIDATE): self.faults.get(name, 0.0) for name in MEASURES}
        shares[Series(SLOW, CANDIDATE)] = self.faults.get(SLOW, NORMALLY_SLOW)
        shares[Series(SLOW, STABLE)] = NORMALLY_SLOW
        for series, share in shares.items():
            trials = stable if series.arm == STABLE else taken
            self.bad_owed[series] += trials * share
            bad = min(trials, int(self.bad_owed[series] + 1e-9))
            self.bad_owed[series] -= bad
            for counters in (pod.counters, total):
                counters[series, False] += trials
                counters[series, True] += bad

    def ask(self, action: Action, by: str = "alice", revision: str | None = None) -> None:
        """Write the annotation as the command line does."""
        state = self.state
        revision = revision or (state.revision if state else self.wanted)
        self.order = Order(action, revision, by, self.now)

    # How it goes on --------------------------------------------------------------------------------------------------

    def live_through(self, crashes: Mapping[int, str], rounds: int = 80) -> None:
        """Let everything happen in order, while the operator crashes at these passes, or forgets what it held in memory."""
        for number in range(rounds):
            match crashes.get(number):
                case None:
                    self.operate()
                case "forget":
                    self.ledger = None
                    self.operate()
                case crash:
                    self.operate(crash)  # type: ignore[arg-type]
            self.start_candidate()
            self.deliver()
            self.roll()
            self.serve(500)
            self.wait(seconds=10)

    def settle(self, rounds: int = 400, requests: int = 200, **length: float) -> None:
        """Let everything happen in order, until two passes in a row change nothing and no rollout is under way."""
        for _ in range(rounds):
            before = (self.status, self.main, self.candidate, self.accepted_route)
            self.operate()
            self.start_candidate()
            self.deliver()
            self.answer_route()
            self.roll()
            self.serve(requests)
            self.wait(**(length or {"seconds": 10}))
            state = self.state
            if before == (self.status, self.main, self.candidate, self.accepted_route) and (
                state is None or not state.is_under_way
            ):
                return

    @property
    def revisions(self) -> set[str]:
        """Those of all pods."""
        return {pod.revision for pod in self.pods.values()} | ({self.candidate} if self.candidate else set())


def evidence_of(counters: Counter[tuple[Series, bool]]) -> Evidence:
    """Counters as the operator reads them."""
    return {series: Counts(counters[series, True], counters[series, False]) for series, _ in counters}
