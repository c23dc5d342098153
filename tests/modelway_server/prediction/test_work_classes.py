"""Predictions go first; explanations keep to their share while predictions wait, and get it."""

from collections.abc import Sequence
from itertools import cycle, groupby, pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_server.prediction.batching import Deadline, Job, Waiting, Work

PREDICTION, EXPLANATION = Work
FOREVER = Deadline(float("inf"))
TIMES = st.lists(st.integers(1, 30).map(float), min_size=1, max_size=5)
SHARES = st.sampled_from([0.0, 0.2, 0.5, 1.0])


class Arrival(NamedTuple):
    """A job that comes."""

    at: float
    work: Work
    size: int = 1
    kind: str = "a"


class Call(NamedTuple):
    """A call of the model."""

    work: Work
    begun: float
    ended: float
    jobs: list[Job[Arrival, None]]
    contended: bool
    """Whether predictions waits when it began."""


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        st.integers(0, 200).map(float),
        st.sampled_from(Work),
        st.integers(1, 4),
        st.sampled_from(["a", "b"]),
    ),
    max_size=40,
)


def jobs_of(arrivals: Sequence[Arrival], deadline: Deadline = FOREVER) -> list[Job[Arrival, None]]:
    return [Job(each, each.size, deadline, each.at, lambda _: None, each.work) for each in arrivals]


def queue(share: float = 0.2, max_rows: int = 4) -> Waiting[Arrival, None]:
    return Waiting(max_rows, lambda arrival: arrival.kind, max_waiting=(10, 2), share=share)


def serve(arrivals: Sequence[Arrival], times: dict[Work, list[float]], share: float, until: float) -> list[Call]:
    """The calls of a model that works on the jobs as they arrive, as far as they begin in time."""
    waiting, calls = queue(share), list[Call]()
    endless = {work: cycle(seconds) for work, seconds in times.items()}
    due = jobs_of(sorted(arrivals))
    now = 0.0
    while now < until:
        while due and due[0].since <= now:
            waiting.push(due.pop(0))
        batch = waiting.take(now)
        if not batch:
            if not due:
                break
            now = due[0].since
            continue
        work, begun, contended = batch[0].work, now, waiting.count(PREDICTION) > 0
        now += next(endless[work])
        while due and due[0].since <= now:
            waiting.push(due.pop(0))
        waiting.end(now)
        calls.append(Call(work, begun, now, batch, contended))
    return calls


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(arrivals=ARRIVALS, predictions=TIMES, explanations=TIMES, share=SHARES)
def test_calls_keep_the_rules_of_the_classes(
    arrivals: list[Arrival], predictions: list[float], explanations: list[float], share: float
) -> None:
    calls = serve(arrivals, {PREDICTION: predictions, EXPLANATION: explanations}, share, until=float("inf"))
    assert sorted(job.query for call in calls for job in call.jobs) == sorted(arrivals), "each job goes once"
    for call in calls:
        assert {job.work for job in call.jobs} == {call.work}, "a call is of one class"
    for first, second in pairwise(calls):
        both = first.work is second.work is EXPLANATION
        assert not (both and second.contended), "explanations do not go twice on end while predictions wait"
    _check_waits(calls)
    _check_budget(calls, share, max(explanations))


def _check_waits(calls: Sequence[Call]) -> None:
    """A prediction waits for one call of explanations, and for one more behind each call of other predictions."""
    for at, call in enumerate(calls):
        for job in call.jobs:
            before = [each.work for each in calls[:at] if each.ended > job.since]
            if job.work is PREDICTION:
                assert before.count(EXPLANATION) <= before.count(PREDICTION) + (before[:1] != [PREDICTION])


def _check_budget(calls: Sequence[Call], share: float, longest: float) -> None:
    """While predictions wait on end, explanations have their share and one call at most."""
    for contended, group in groupby(calls, key=lambda call: call.contended or call.work is PREDICTION):
        seconds = dict.fromkeys(Work, 0.0)
        for call in group if contended else ():
            seconds[call.work] += call.ended - call.begun
            assert (1 - share) * (seconds[EXPLANATION] - longest) <= share * seconds[PREDICTION] + 1e-9


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(predictions=TIMES, explanations=TIMES, share=SHARES)
def test_flood_of_predictions_leaves_explanations_their_share(
    predictions: list[float], explanations: list[float], share: float
) -> None:
    """Both always wait. Explanations get their share, or where their calls are short, a call behind each other call."""
    flood = [Arrival(0.0, work, 4) for work in Work for _ in range(120)]
    calls = serve(flood, {PREDICTION: predictions, EXPLANATION: explanations}, share, until=1000.0)
    seconds = {work: sum(call.ended - call.begun for call in calls if call.work is work) for work in Work}
    if share * max(predictions) <= (1 - share) * min(explanations):
        assert (1 - share) * seconds[EXPLANATION] >= share * (seconds[PREDICTION] - max(predictions)) - 1e-9
    elif share * min(predictions) > (1 - share) * max(explanations):
        assert [call.work for call in calls] == [Work(at % 2) for at in range(len(calls))]


def test_flood_of_explanations_delays_a_prediction_by_one_call() -> None:
    flood = [Arrival(0.0, EXPLANATION, 4) for _ in range(50)]
    questions = [Arrival(at, PREDICTION) for at in (12.0, 57.0, 58.0, 101.0)]
    calls = serve([*flood, *questions], {PREDICTION: [1.0], EXPLANATION: [10.0]}, 0.2, until=float("inf"))
    waits = [call.begun - job.since for call in calls for job in call.jobs if call.work is PREDICTION]
    assert len(waits) == 4
    assert max(waits) <= 10.0


def test_explanations_have_an_idle_model_for_themselves() -> None:
    calls = serve([Arrival(0.0, EXPLANATION, 4)] * 9, {PREDICTION: [1.0], EXPLANATION: [10.0]}, 0.0, until=1000.0)
    assert [call.begun for call in calls] == [10.0 * at for at in range(9)]


def test_call_is_charged_from_the_first_prediction_that_waits() -> None:
    """It began while none did, and so it takes six calls of predictions to be even."""
    explanations = [Arrival(0.0, EXPLANATION, 4)] * 2
    predictions = [Arrival(8.0, PREDICTION, 4)] * 20
    calls = serve([*explanations, *predictions], {PREDICTION: [1.0], EXPLANATION: [10.0]}, 0.25, until=1000.0)
    assert [call.work for call in calls].index(EXPLANATION, 1) == 8


class Script:
    """A queue whose calls a test times by itself; predictions wait on end unless it says otherwise."""

    def __init__(self, jobs: Sequence[Job[Arrival, None]]) -> None:
        self.waiting = queue(0.25)
        self._jobs = list(jobs)
        self._now = 0.0

    def push(self, work: Work) -> Job[Arrival, None]:
        """Let the next job of a class wait from now on."""
        job = next(job for job in self._jobs if job.work is work)
        self._jobs.remove(job)
        job.since = self._now
        self.waiting.push(job)
        return job

    def call(self, seconds: float, *, leaving: Sequence[Job[Arrival, None]] = (), coming: Sequence[Work] = ()) -> Work:
        """Make a call, at half of which jobs leave and come; the class of the call."""
        (job,) = self.waiting.take(self._now)
        self._now += seconds / 2
        for each in leaving:
            self.waiting.remove(each)
        for work in coming:
            self.push(work)
        self._now += seconds / 2
        self.waiting.end(self._now)
        return job.work

    def calls_before_explanation(self) -> int:
        """How many calls of a second go to predictions until explanations have a turn."""
        calls = 0
        while self.call(1.0, coming=[PREDICTION]) is PREDICTION:
            calls += 1
        return calls


def script() -> Script:
    return Script(jobs_of([Arrival(0.0, work, 4) for work in Work for _ in range(60)]))


def test_call_ahead_is_charged_whole_if_predictions_leave() -> None:
    model = script()
    leaver = [model.push(PREDICTION), model.push(PREDICTION)][1]
    model.push(EXPLANATION)
    assert model.call(1.0) is PREDICTION
    assert model.call(5.0, leaving=[leaver], coming=[PREDICTION, PREDICTION, EXPLANATION]) is EXPLANATION
    assert model.calls_before_explanation() == 15


def test_predictions_work_off_a_charge_while_no_explanation_waits() -> None:
    model = script()
    model.push(EXPLANATION)
    assert model.call(9.0, coming=[PREDICTION, PREDICTION]) is EXPLANATION
    assert [model.call(1.0, coming=[PREDICTION]) for _ in range(30)] == [PREDICTION] * 30
    model.push(EXPLANATION)
    assert model.calls_before_explanation() == 1


def test_charge_is_void_once_no_prediction_waits() -> None:
    model = script()
    model.push(EXPLANATION)
    assert model.call(10.0, coming=[PREDICTION]) is EXPLANATION
    assert model.call(1.0) is PREDICTION
    for work in (PREDICTION, PREDICTION, EXPLANATION):
        model.push(work)
    assert model.calls_before_explanation() == 1


def test_each_class_has_its_own_bound() -> None:
    waiting = queue()
    jobs = jobs_of([Arrival(0.0, EXPLANATION)] * 2 + [Arrival(0.0, PREDICTION)] * 9)
    for job in jobs:
        assert not waiting.is_full(job.work)
        waiting.push(job)
    assert (waiting.is_full(EXPLANATION), waiting.is_full(PREDICTION)) == (True, False)
    assert [len(waiting), *map(waiting.count, Work)] == [11, 9, 2]


@pytest.mark.parametrize("work", Work)
def test_late_and_forgotten_jobs_leave_their_lane(work: Work) -> None:
    waiting = queue()
    late, forgotten = jobs_of([Arrival(0.0, work)] * 2, Deadline(5.0))
    waiting.push(late)
    waiting.push(forgotten)
    assert waiting.next_deadline() == 5.0
    waiting.remove(forgotten)
    assert waiting.expired(4.0) == []
    assert waiting.expired(5.0) == [late]
    assert (len(waiting), waiting.take(6.0), waiting.next_deadline()) == (0, [], float("inf"))


@pytest.mark.parametrize("gone", Work)
def test_lane_of_gone_callers_gives_its_turn_to_the_other(gone: Work) -> None:
    waiting, other = queue(), Work(1 - gone)
    leaver, job = jobs_of([Arrival(0.0, gone), Arrival(0.0, other)])
    waiting.push(leaver)
    waiting.push(job)
    leaver.is_done = True
    assert waiting.take(1.0) == [job]
