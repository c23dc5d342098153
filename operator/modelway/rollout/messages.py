"""What a rollout says of itself: how far it has come, why it ended, and what to do. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil

from modelway.api.labels import CANARY as CANARY_TRACK
from modelway.api.labels import REVISION_LABEL, TRACK_LABEL
from modelway.api.orders import Action
from modelway.api.ports import HANDOVER_PORT, METRICS_PORT
from modelway.rollout.judge import DISAGREEMENT, FAILED, REFUSED, SLOW, Finding, Judgement, Measure, Outcome
from modelway.rollout.measures import CANDIDATE, NOTHING, Evidence, Series, requests_in
from modelway.rollout.situation import Candidate, Situation, StablePods
from modelway.rollout.state import Pause, Phase, RolloutState
from modelway.rollout.steps import Step
from modelway.wording import about, counted, length, percent, two_digits

BEGUN = "the candidate's pods are being created"
PROMOTING = "the candidate takes over"
NEXT_STEP = "the step is done, and the next one begins"
PAUSED_BY_SPEC = "spec.rollout.paused is true, which holds the rollout: set it to false"
RESUMED = "spec.suspend is false again, and the rollout goes on"
_TAKES_OVER = "its revision takes the place of the stable one, to which `modelway abort` returns meanwhile"
AGAIN = "Correct the model and apply it, or try this one again with `modelway retry`."

SLOW_DELIVERY = timedelta(minutes=3)
"""After that long without all stable pods, kubelets alone are not the cause."""


# Under way --------------------------------------------------------------------------------------------------------------------------------


def starting(candidate: Candidate, wanted: int) -> str:
    """The candidate gets its first pods."""
    text = f"{candidate.ready} of {counted(wanted, 'pod')} of the candidate {_are(wanted)} ready"
    return f"{text} ({candidate.hindrance.rstrip('.')})" if candidate.hindrance else text


def behind(revision: str, most: timedelta) -> str:
    """The candidate may have no pods yet."""
    return (
        f"the candidate's pods wait until the Gateway lets go of revision {revision}, to which it may still send requests: until its controller "
        f"reports on the HTTPRoute as it is now, or for {length(most)}. Where that lasts, have the controller started; "
        "`kubectl describe httproute` shows what it said last"
    )


def growing(state: RolloutState, step: Step, situation: Situation) -> str:
    """The candidate gets the pods of a larger share."""
    wanted = step.size(situation.size)
    share = step.weight or step.mirror
    return (
        f"step {state.step + 1} of {state.steps}: {starting(situation.candidate, wanted)} for {share}% of the requests"
    )


def waiting_for_pods(state: RolloutState, pods: StablePods, now: datetime) -> str:
    """The share has yet to reach the stable pods; after a while, why it may not."""
    keep = f"{share_of_step(state)}: {pods.honouring} of {counted(pods.total, 'stable pod')} {_keep(pods.total)} to it"
    asked_at = state.share_from or now
    since = f"asked for since {asked_at.astimezone(UTC):%H:%M:%S} UTC"
    if pods.silent:
        return f"{keep}, {since}; {_silent(pods)}"
    if now - asked_at < SLOW_DELIVERY:
        return f"{keep}, {since}; that takes the cluster up to 90 s"
    return (
        f"{keep}, {since}; what takes over 3 min is mostly a server image that is older than rollouts, which "
        "revisions keep unless `spec.server.imagePolicy` is Follow: see docs/rollouts.md. The log of a pod that cannot send copies "
        "says why. `modelway promote` needs no stable pod"
    )


def _silent(pods: StablePods) -> str:
    do = "does" if pods.silent == 1 else "do"
    return (
        f"{pods.silent} of {counted(pods.total, 'stable pod')} {do} not answer the operator on port {METRICS_PORT} "
        "(a NetworkPolicy or a mesh may forbid it)"
    )


def unserved(candidate: Candidate, patience: timedelta) -> str:
    """The stable pods fail, whatever the candidate does."""
    text = "no stable pod is ready, so no request is answered"
    if not candidate.ready:
        return (
            f"{text}, and {starting(candidate, 1)}: it takes over once one is, if the stable pods have not come by then"
        )
    return f"{text}: where none is within {length(patience)}, the candidate takes over without more evidence"


def progress(state: RolloutState, step: Step, judgement: Judgement, situation: Situation, now: datetime) -> str:
    """How much evidence there is, how much is needed, and how long that takes at the present rate."""
    parts = [f"{share_of_step(state)}: {_evidence(state, judgement, situation.evidence, now)}"]
    if step.hold is not None and state.since is not None and now - state.since < step.hold:
        parts.append(f"held for {_rest(step.hold - (now - state.since))} more")
    if situation.pods.stopped:
        parts.append(
            f"{situation.pods.stopped} of {counted(situation.pods.total, 'stable pod')} stopped handing over, since the candidate fails"
        )
    if situation.pods.silent:
        parts.append(_silent(situation.pods))
    others = situation.pods.total - situation.pods.honouring - situation.pods.silent
    if others > 0:
        do = "does" if others == 1 else "do"
        parts.append(f"{others} of {counted(situation.pods.total, 'stable pod')} {do} not keep to it now")
    if situation.unreachable and state.client_requests(situation.evidence) <= state.requests_before:
        parts.append(
            f"the stable pods cannot reach the candidate ({two_digits(situation.unreachable)} requests): "
            f"a NetworkPolicy may forbid egress to port {HANDOVER_PORT}"
        )
    if situation.candidate.ready == 0:
        parts.append("no pod of the candidate is ready")
    if situation.candidate.hindrance:
        parts.append(f"not all pods of the candidate are ready: {situation.candidate.hindrance.rstrip('.')}")
    return "; ".join(parts)


def _evidence(state: RolloutState, judgement: Judgement, evidence: Evidence, now: datetime) -> str:
    requests = requests_in(evidence)
    if not requests:
        return "no request has reached the candidate yet, and silence is no evidence"
    if judgement.outcome is Outcome.NOT_WORSE:
        return f"{counted(requests, 'request')} show that the candidate is not worse"
    limiting = judgement.limiting
    if limiting is None or limiting.needed is None:
        return f"{counted(requests, 'request')}, and {_too_many(limiting)}"
    what = _TRIALS.get(limiting.name, f"trials of metric {limiting.name}")
    return f"{limiting.trials} of about {two_digits(limiting.needed)} {what}{_rate(state, limiting, requests, now)}"


def _rest(time: timedelta) -> str:
    """A countdown that does not write status anew at every look."""
    if time <= timedelta(minutes=2):
        return "up to 2 min"
    return length(timedelta(minutes=ceil(time / timedelta(minutes=1))))


def _too_many(finding: Finding | None) -> str:
    """What keeps a candidate from being not worse, however many requests come, unless its share falls."""
    if finding is None or finding.share is None:
        return "none that tells anything yet"
    text = f"too many are bad to show that it is not worse: {finding.name} {percent(finding.share)}, and {percent(finding.bound)} is the bound"
    return f"{text} (spec.rollout.analysis.maxDisagreement)" if finding.name == DISAGREEMENT else text


def _rate(state: RolloutState, finding: Finding, requests: int, now: datetime) -> str:
    """How long the rest takes if requests keep coming as in this step, and the same share of them counts."""
    arrived = requests - state.requests_before
    elapsed = now - (state.since or now)
    if arrived <= 0 or elapsed <= timedelta() or not finding.trials or not finding.needed:
        return ""
    rest = max(0, finding.needed - finding.trials) * requests / finding.trials
    return f", about {about(elapsed * (rest / arrived))} at this rate"


def suspended(state: RolloutState) -> str:
    """The whole ModelDeployment is suspended: requests are still divided, and nobody looks."""
    if state.weight or state.mirror:
        share = state.weight or state.mirror
        how = "" if state.weight else ", as copies"
        what = f"{share}% of the requests go on to the candidate, unjudged{how}"
    else:
        what = "the candidate gets no request"
    return f"suspended: {what}, until spec.suspend is false"


def paused(state: RolloutState, candidate: Candidate) -> str:
    """What holds it, and how it goes on."""
    share = (
        f"at {state.weight or state.mirror}% of the requests" if state.weight or state.mirror else "before any request"
    )
    match state.pause:
        case Pause.SPEC:
            text = f"held {share} by spec.rollout.paused: set it to false to go on"
        case Pause.TIMEOUT:
            text = (
                f"held {share}, since spec.rollout.timeout is over without a verdict: "
                "`modelway promote`, `modelway abort`, or `modelway resume` to wait as long again"
            )
        case _:
            text = f"held {share} by {state.by or 'an order'}: `modelway resume` lets it go on"
    if state.unserved is not None:
        text += "; no stable pod is ready: `modelway promote` has the candidate take over"
    why = candidate.failure or candidate.hindrance
    return f"{text}; its pods fail: {why}" if why else text


# Promotion --------------------------------------------------------------------------------------------------------------------------------


def promoting(judgement: Judgement) -> str:
    """The evidence suffices."""
    trials = max((one.trials for one in judgement.findings), default=0)
    return f"{counted(trials, 'request')} show that the candidate is not worse; {_TAKES_OVER}"


def promoting_by(by: str) -> str:
    """Somebody ordered it."""
    return f"promoted by {by}; {_TAKES_OVER}"


def promoting_at_timeout(most: timedelta) -> str:
    """The spec says so."""
    return f"spec.rollout.timeout ({length(most)}) is over and nothing was worse: by spec.rollout.onTimeout its revision takes over"


def promoting_unserved(patience: timedelta) -> str:
    """The stable revision serves nobody."""
    return f"no stable pod was ready for {length(patience)}, so nothing is left to protect: the candidate, which is ready, takes over"


def promoted(state: RolloutState) -> str:
    """The end of a promotion."""
    return f"revision {state.revision} took the place of {state.stable}" + (f", by {state.by}" if state.by else "")


# Rollback ---------------------------------------------------------------------------------------------------------------------------------


def worse(judgement: Judgement, measures: Sequence[Measure], state: RolloutState) -> str:
    """What the candidate did worse: measure, value, bound and counts."""
    stable = {one.name: one.stable for one in measures}
    faults = []
    for one in judgement.findings:
        if one.outcome is Outcome.WORSE:
            beside = stable.get(one.name)
            compared = f", the stable revision {beside.bad} of {beside.trials}" if beside is not None else ""
            share = percent(one.share or 0.0)
            faults.append(
                f"{_FAULTS.get(one.name) or f'is worse by metric {one.name}: bad are'} {one.bad} of {one.trials} "
                f"{'requests' if one.name in _FAULTS else 'trials'}{compared} ({share}, and {percent(one.bound)} is the bound)"
            )
    remedies = {
        _REMEDIES[one.name] for one in judgement.findings if one.outcome is Outcome.WORSE and one.name in _REMEDIES
    }
    return " ".join([f"revision {state.revision} {' and '.join(faults)}; {_serves(state)}", *sorted(remedies), AGAIN])


def failed(failure: str, state: RolloutState) -> str:
    """Its pods cannot serve."""
    return f"the pods of revision {state.revision} fail: {failure.rstrip('.')}; {_serves(state)} {AGAIN}"


def stopped(pods: int, evidence: Evidence, state: RolloutState) -> str:
    """All stable pods found it failing by themselves."""
    counts = evidence.get(Series(FAILED, CANDIDATE), NOTHING)
    return (
        f"revision {state.revision} failed {counts.bad} of {counted(counts.trials, 'request')}, and "
        f"{'the only stable pod' if pods == 1 else f'all {pods} stable pods'} stopped handing over; {_serves(state)} {AGAIN}"
    )


def not_ready(candidate: Candidate, wanted: int, patience: timedelta, state: RolloutState) -> str:
    """Its pods did not come, or went and did not come again."""
    pods = f"{TRACK_LABEL}={CANARY_TRACK},{REVISION_LABEL}={state.revision}"
    why = candidate.hindrance.rstrip(".") or f"see why with `kubectl describe pods -l {pods}`"
    return (
        f"revision {state.revision} has {candidate.ready} of {counted(wanted, 'pod')} ready for {length(patience)}: {why}; "
        f"{_serves(state)} {AGAIN}"
    )


def timeout(most: timedelta, state: RolloutState) -> str:
    """No verdict in time."""
    return (
        f"spec.rollout.timeout ({length(most)}) is over without a verdict on revision {state.revision}; {_serves(state)} "
        "Raise the timeout or the share of requests, or set spec.rollout.onTimeout. `modelway retry` tries it again."
    )


def aborted(state: RolloutState, by: str) -> str:
    """Somebody ended it."""
    return f"{by} aborted the rollout of revision {state.revision}; {_serves(state)} {AGAIN}"


def refused_order(action: Action, state: RolloutState) -> str:
    """Why an order is not followed in this phase."""
    if state.phase is Phase.ROLLED_BACK:
        why = "has rolled back: `modelway retry` tries it again"
    elif state.phase is Phase.PROMOTED:
        why = "has taken over: `modelway undo` asks for the revision before"
    elif state.phase is Phase.PROMOTING:
        why = "is taking over: `modelway abort` returns to the stable revision"
    else:
        why = "is under way"
    return f"`modelway {action}` does nothing now: revision {state.revision} {why}"


_FAULTS = {
    FAILED: "failed",
    REFUSED: "refused",
    SLOW: "was slow in",
    DISAGREEMENT: "answered otherwise than the stable revision in",
}
_TRIALS = {**dict.fromkeys((FAILED, REFUSED, SLOW), "requests"), DISAGREEMENT: "comparisons"}
_REMEDIES = {
    DISAGREEMENT: "If its answers are meant to differ, raise spec.rollout.analysis.maxDisagreement.",
    SLOW: "Slow is longer than 95% of the stable revision's own answers take.",
}


def _serves(state: RolloutState) -> str:
    return f"revision {state.stable} serves."


def share_of_step(state: RolloutState) -> str:
    """`step 2 of 3, 25% of the requests`."""
    share = f"{state.weight}% of the requests" if state.weight else f"{state.mirror}% of the requests copied"
    return f"step {state.step + 1} of {state.steps}, {share}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _keep(number: int) -> str:
    return "keeps" if number == 1 else "keep"
