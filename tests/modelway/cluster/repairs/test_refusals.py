"""A refused child is tried less and less often, and at once where something else is wanted of it."""

from modelway.cluster.repairs.refusals import FIRST_PAUSE, RefusalBackoff
from modelway.errors import ClusterError
from modelway.observed import ChildId
from modelway.patience import LASTING_SECONDS, PATIENCE_SECONDS, PATIENT_FAILURES

CHILD = ChildId("Job", "fraud-new-replay")


def _refusal() -> ClusterError:
    return ClusterError("a quota", status=403)


def test_pauses_grow_and_stay_bounded() -> None:
    backoff = RefusalBackoff()
    pauses = [backoff.note(CHILD, "a", _refusal(), 0.0) for _ in range(PATIENT_FAILURES + 1)]
    assert pauses[:4] == [FIRST_PAUSE, 4.0, PATIENCE_SECONDS, PATIENCE_SECONDS]
    assert pauses[-2:] == [LASTING_SECONDS, LASTING_SECONDS]
    assert pauses == sorted(pauses)


def test_refusal_stands_until_its_pause_is_over() -> None:
    backoff, error = RefusalBackoff(), _refusal()
    assert backoff.standing(CHILD, "a", 0.0) is None
    pause = backoff.note(CHILD, "a", error, 10.0)
    assert backoff.standing(CHILD, "a", 10.0 + pause - 0.1) is error
    assert backoff.standing(CHILD, "a", 10.0 + pause) is None
    assert backoff.standing(ChildId("Service", "fraud"), "a", 10.0) is None


def test_other_wish_is_tried_at_once_and_from_anew() -> None:
    backoff = RefusalBackoff()
    for _ in range(3):
        backoff.note(CHILD, "a", _refusal(), 0.0)
    assert backoff.standing(CHILD, "b", 0.1) is None
    assert backoff.note(CHILD, "b", _refusal(), 0.1) == FIRST_PAUSE


def test_child_that_was_taken_begins_anew() -> None:
    backoff = RefusalBackoff()
    for _ in range(3):
        backoff.note(CHILD, "a", _refusal(), 0.0)
    backoff.forget(CHILD)
    assert backoff.note(CHILD, "a", _refusal(), 0.0) == FIRST_PAUSE


def test_error_that_stands_collects_no_traces() -> None:
    backoff = RefusalBackoff()
    try:
        raise _refusal()
    except ClusterError as error:
        backoff.note(CHILD, "a", error, 0.0)
    standing = backoff.standing(CHILD, "a", 0.0)
    assert standing is not None
    assert standing.__traceback__ is None
