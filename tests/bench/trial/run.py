"""The trial: each kind of candidate in each strategy, one after the other for a strategy, the strategies side by side."""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench.trial.changes import BY_NAME as CHANGES
from bench.trial.changes import try_change
from bench.trial.clients import wait_for_requests
from bench.trial.kinds import BY_NAME, GOOD, Kind, rollout_of
from bench.trial.results import Case, Cases, Results, Span, faults_of
from bench.trial.same import try_same
from bench.trial.world import Model, World, world
from modelway.cli.rollout_text import describe_measure
from support.cluster.sandbox import Object

PODS = 2
HTTP_CLIENTS, GRPC_CLIENTS = 3, 1
PAUSE = 0.1
REST_SECONDS = 900.0

Say = Callable[[str], None]


def measure(
    kinds: Sequence[str],
    strategies: Sequence[str],
    changes: Sequence[str],
    *,
    requests: int,
    same: int,
    models: int,
    minutes: float,
    machine: Mapping[str, str],
    say: Say,
) -> Results:
    """Everything that was asked for.

    Args:
        kinds: names of candidates.
        strategies: of their rollouts.
        changes: names of what comes between rollouts of good ones.
        requests: of clients, at least, while they are tried.
        same: rollouts to the same bytes.
        models: that these are divided among.
        minutes: after which none of these begins any more.
        machine: what it runs on.
        say: tells how it goes.
    """
    with world() as here:
        begin, load = time.monotonic(), os.getloadavg()[0]
        lanes = [partial(_strategy, here, one, kinds) for one in strategies if kinds]
        lanes += [partial(_changes, here, changes)] if changes else []
        each = -(-requests // max(len(lanes), 1))
        with ThreadPoolExecutor(max(len(lanes), 1)) as pool:
            outcomes = list(pool.map(lambda lane: lane(each, say), lanes))
        span = Span(seconds=time.monotonic() - begin, loads=(load, os.getloadavg()[0]))
        return Results(
            machine=machine,
            candidates=_together(outcomes[: len(strategies)]) if kinds and strategies else None,
            changes=outcomes[-1] if changes else None,
            span=span,
            same=try_same(here, same, models, minutes, say) if same else None,
        )


def _together(lanes: Sequence[Cases]) -> Cases:
    """What several lanes found, as one."""
    return Cases(
        cases=[case for lane in lanes for case in lane.cases],
        requests_between=sum(lane.requests_between for lane in lanes),
        failures_between=dict(sum((Counter(lane.failures_between) for lane in lanes), Counter())),
    )


def _strategy(here: World, strategy: str, kinds: Sequence[str], requests: int, say: Say) -> Cases:
    """The cases of a strategy, one after the other."""
    trials = [
        lambda model, kind=kind, number=number: _case(model, strategy, BY_NAME[kind], f"{kind}-{number}")
        for number, kind in enumerate(kinds)
    ]
    return _lane(here, strategy.lower(), trials, requests, say)


def _changes(here: World, changes: Sequence[str], requests: int, say: Say) -> Cases:
    """What comes between rollouts, one after the other."""
    trials = [
        lambda model, change=change, number=number: try_change(here, model, CHANGES[change], f"{change}-{number}")
        for number, change in enumerate(changes)
    ]
    return _lane(here, "changes", trials, requests, say)


def _lane(here: World, name: str, trials: Sequence[Callable[[Model], Case]], requests: int, say: Say) -> Cases:
    """Trials of one model under load, and what its clients got beside them."""
    cases = []
    with here.model(name, size=PODS, over_http=HTTP_CLIENTS, over_grpc=GRPC_CLIENTS, pause=PAUSE) as model:
        for trial in trials:
            case = trial(model)
            cases.append(case)
            failed, verdict = sum(case.failures.values()), "; ".join(case.faults) or "as asked"
            took = f"after {case.seconds:.0f} s, {case.requests:,} requests, {failed} failed"
            say(f"{case.strategy} {case.kind}: {case.end} {case.measure} {took}; {verdict}")
        wait_for_requests(model.clients, requests, seconds=REST_SECONDS)
    total = model.clients.tally()
    inside = Cases(cases=cases)
    return Cases(
        cases=cases,
        requests_between=total.requests - inside.requests,
        failures_between=dict(total.failures - inside.failures),
    )


def _case(model: Model, strategy: str, kind: Kind, version: str) -> Case:
    """One rollout, until nothing of its candidate is left."""
    before, start = model.clients.tally(), time.monotonic()
    stable, previous = model.stable, model.rollout.get("id", "")
    model.wants(kind.name, version, rollout_of(strategy), **kind.spec)
    end, measure, by_candidate, wrong, faults = "", "", 0, 0, []
    try:
        candidate = str(model.begins_after(previous)["revision"])
        state = model.ends()
        during = model.clients.tally().since(before)
        by_candidate, wrong = during.answers[candidate], during.wrong[candidate]
        end = GOOD if state["phase"] == GOOD else str(state.get("cause"))
        measure = decisive(state) or words_of(kind, state)
        faults += faults_of(kind, strategy, end, measure, by_candidate)
        model.is_clean()
        faults += _faults_of_rest(model, stable, candidate if end == GOOD else str(stable["revision"]))
    except AssertionError as error:
        end, faults = end or "no end", [*faults, str(error)[:2000]]
    got = model.clients.tally().since(before)
    return Case(
        strategy=strategy,
        kind=kind.name,
        end=end,
        measure=measure,
        seconds=time.monotonic() - start,
        requests=got.requests,
        failures=dict(got.failures),
        by_candidate=by_candidate,
        wrong=wrong,
        faults=tuple(faults),
    )


def decisive(state: Object) -> str:
    """The measure that a rollback names, with its counts; empty where there is none."""
    worse = [one for one in state.get("measures") or () if one["outcome"] == "Worse"]
    strongest = max(worse, key=lambda one: one.get("evidence", 0.0), default=None)
    return "" if strongest is None else f"{strongest['name']}: {describe_measure(strongest)}"


def words_of(kind: Kind, state: Object) -> str:
    """The words of a kind that the message of a rollback holds, or the message where it holds none; empty for a kind without words."""
    if not kind.words or state["phase"] == GOOD:
        return ""
    return next((words for words in kind.words if words in state["message"]), str(state["message"]))


def _faults_of_rest(model: Model, before: Object, wanted: str) -> list[str]:
    """What is not as it has to be once a rollout is over."""
    model.deployed.becomes("Serving" if wanted != before["revision"] else "RolledBack")
    faults = []
    if model.stable["revision"] != wanted:
        faults.append(f"revision {model.stable['revision']} serves, not {wanted}")
    answer = model.deployed.ask([[5.0]])
    return [*faults, f"it answers {answer}"] if answer != {"predictions": [10.0]} else faults
