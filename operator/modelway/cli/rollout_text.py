"""Tell how a rollout goes, in lines for a person. Pure: `status.rollout` in, text out."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from modelway.cli.revisions import wanted_of
from modelway.cli.summary import age, condition
from modelway.cluster.snapshot import Object
from modelway.rollout.state import UNDER_WAY, Phase
from modelway.status.reasons import Reason
from modelway.wording import percent

_REASONS = frozenset({Reason.ROLLOUT_PROGRESSING, Reason.ROLLOUT_SUSPENDED, Reason.ROLLED_BACK})
_CAUSES = {
    "Analysis": "the counts show that it is worse",
    "CandidateFailed": "its pods fail",
    "CandidateNotReady": "its pods did not become ready",
    "Timeout": "there was not enough evidence in time",
    "Aborted": "it was aborted",
}
_HOLDERS = {
    "Spec": ", by spec.rollout.paused",
    "Order": ", by an order",
    "Timeout": ", since there was not enough evidence in time",
}
"""What holds a rollout that is paused."""
_OUTCOMES = {
    "Undecided": "not decided yet",
    "Worse": "worse",
    "NotWorse": "not worse",
    "Inconclusive": "inconclusive",
}


def rollout_of(resource: Object) -> Mapping[str, Any]:
    """What status tells of the last rollout; empty where there was none."""
    return (resource.get("status") or {}).get("rollout") or {}


def is_paused_by_spec(resource: Object) -> bool:
    """Whether the spec holds the rollout, which no order changes."""
    return bool(((resource.get("spec") or {}).get("rollout") or {}).get("paused"))


def is_under_way(rollout: Mapping[str, Any]) -> bool:
    """Whether a candidate is on its way to take the place of the stable revision."""
    return rollout.get("phase") in UNDER_WAY


def is_told_by_ready(resource: Object) -> bool:
    """Whether the message of Ready is the one of the rollout."""
    return condition(resource, "Ready").get("reason") in _REASONS


def is_worth_telling(rollout: Mapping[str, Any]) -> bool:
    """Whether a person should hear of it unasked: it goes on, or it ended badly."""
    return is_under_way(rollout) or rollout.get("phase") == Phase.ROLLED_BACK


def headline(rollout: Mapping[str, Any]) -> str:
    """One line: what takes whose place, and how far it is."""
    attempt = rollout.get("attempt", 1)
    again = f", attempt {attempt}" if attempt > 1 else ""
    who = f"{rollout.get('strategy', '')} of revision {rollout.get('revision', '')}{again}"
    return f"{who}: {phase_text(rollout)}"


def phase_text(rollout: Mapping[str, Any]) -> str:
    """How far it is, in words."""
    phase, cause = str(rollout.get("phase", "")), rollout.get("cause", "")
    step = f"step {rollout.get('step', 0) + 1} of {rollout['steps']}" if rollout.get("steps") else ""
    texts: dict[str, str] = {
        Phase.STARTING: "its pods start",
        Phase.PROGRESSING: step or "under way",
        Phase.PAUSED: f"paused in {step}{_HOLDERS.get(rollout.get('pause', ''), '')}" if step else "paused",
        Phase.PROMOTING: "it takes over",
        Phase.ROLLED_BACK: f"rolled back, since {_CAUSES.get(cause, cause)}" if cause else "rolled back",
        Phase.PROMOTED: "promoted",
    }
    return texts.get(phase, phase)


def describe_rollout(
    rollout: Mapping[str, Any], now: datetime, *, with_message: bool = True
) -> Iterator[tuple[str, str]]:
    """Everything that is known of a rollout: a title and a text for each line.

    Args:
        rollout: `status.rollout`.
        now: the time to count ages from, with a time zone.
        with_message: whether to add its message, which Ready has too while it is about the rollout.
    """
    if not rollout:
        return
    yield "rollout", headline(rollout)
    yield "in place of", f"revision {rollout.get('stable', '')}"
    if is_under_way(rollout):
        yield "traffic", _traffic(rollout)
    yield from ((title, f"{age(rollout[field], now)} ago") for title, field in _TIMES if rollout.get(field))
    if rollout.get("by"):
        yield "asked by", str(rollout["by"])
    message = rollout.get("message") if with_message else ""
    if message:
        yield "now" if is_under_way(rollout) else "verdict", str(message)
    if replay := rollout.get("replay"):
        yield "replay", _replay(replay)
    for measure in rollout.get("measures") or ():
        yield str(measure.get("name", "")), describe_measure(measure)


def _replay(replay: Mapping[str, Any]) -> str:
    """How far known rows have been asked: `done: 1000 of 1000 requests were answered by both revisions`."""
    message = str(replay.get("message", ""))
    return str(replay.get("phase", "")).lower() + (f": {message}" if message else "")


_TIMES = (("started", "started"), ("this step", "since"), ("ended", "ended"))


def describe_measure(measure: Mapping[str, Any]) -> str:
    """The counts of a measure, what it is held to, and what follows: `3 of 1,240 (0.24%), limit 0.1%: not decided yet`."""
    text = _value(measure) if _is_value(measure) else _counts(measure)
    problem, message = measure.get("problem"), measure.get("message")
    text += f"; it tells nothing now: {problem}" if problem else ""
    return f"{text} ({message})" if message else text


def _is_value(measure: Mapping[str, Any]) -> bool:
    """Whether it is a value with a limit, and no share of trials."""
    return bool(measure.get("source") and measure.get("trials") and "share" not in measure)


def _value(measure: Mapping[str, Any]) -> str:
    if "value" not in measure:
        return "no value yet"
    text = f"{measure['value']:g}, limit {measure.get('bound', 0):g}"
    if bad := measure.get("bad"):
        return f"{text}: beyond it at {bad} looks in a row, of {measure['trials']} that roll back"
    return f"{text}: within it"


def _counts(measure: Mapping[str, Any]) -> str:
    bad, trials = measure.get("bad", 0), measure.get("trials", 0)
    if not trials:
        return "nothing counted yet"
    parts = [f"{bad:,} of {trials:,} ({percent(measure.get('share', bad / trials))})", *_stable(measure)]
    if "bound" in measure:
        parts.append(f"limit {percent(measure['bound'])}")
    return f"{', '.join(parts)}: {_outcome(measure)}"


def remedies(resource: Object, program: str) -> Iterator[str]:
    """What a person can do about the rollout as it is, with the commands filled in."""
    rollout, metadata = rollout_of(resource), resource["metadata"]
    target = f"{metadata['name']} -n {metadata['namespace']}"
    if rollout.get("revision") != wanted_of(resource)[0]:
        return
    match rollout.get("phase"):
        case Phase.STARTING | Phase.PROGRESSING:
            yield f"Watch it: {program} status {target} --watch"
            yield f"End it now, either way: {program} promote {target}, or {program} abort {target}"
        case Phase.PAUSED if is_paused_by_spec(resource):
            yield "Let it go on: set spec.rollout.paused to false, or leave it out"
        case Phase.PAUSED:
            yield f"Let it go on: {program} resume {target}"
            yield f"Or end it now: {program} promote {target}, or {program} abort {target}"
        case Phase.ROLLED_BACK:
            yield f"Apply a better model, or take the spec back to the revision that serves: {program} undo {target}"
            yield f"If the cause is gone, try the same revision again: {program} retry {target}"


def _traffic(rollout: Mapping[str, Any]) -> str:
    mirror, weight = rollout.get("mirror") or 0, rollout.get("weight") or 0
    if rollout.get("routing") and weight:
        text = f"{weight:g}% of requests, by the Gateway; copies of {mirror:g}% of the others"
    elif mirror:
        text = f"copies of {mirror:g}% of requests; clients get the stable revision's answers"
    elif weight:
        text = f"{weight:g}% of requests"
    else:
        return "none yet"
    pods = rollout.get("pods")
    return f"{text}, by {pods} of the stable pods" if pods else text


def _stable(measure: Mapping[str, Any]) -> Iterator[str]:
    if trials := measure.get("stableTrials"):
        bad = measure.get("stableBad", 0)
        yield f"stable {bad:,} of {trials:,} ({percent(bad / trials)})"


def _outcome(measure: Mapping[str, Any]) -> str:
    outcome = measure.get("outcome", "")
    text = _OUTCOMES.get(outcome, outcome)
    notes = []
    if outcome == "Undecided" and measure.get("needed"):
        notes.append(f"about {measure['needed']:,} would do")
    evidence = measure.get("evidence")
    if evidence is not None and evidence > 0:
        notes.append(f"evidence against it 10^{evidence:.1f}")
    return f"{text}; {'; '.join(notes)}" if notes else text
