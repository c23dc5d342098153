"""Two operators and one Lease: the one that leads dies, is told to stop, or stands still, and the other one goes on; never do both write.

`MODELWAY_TAKEOVERS=50` repeats each as often; `--log-cli-level=info` tells how long each took, and how long all of them in the end.
"""

import itertools
import logging
import os
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from modelway.cluster.election.decision import LEASE_SECONDS
from modelway.cluster.election.watchdog import EXIT_CODE
from modelway.manager import GRACE_SECONDS
from sandbox import Sandbox
from support.cluster.contenders import LEASE, Contender, Contest, stir_models
from support.cluster.definitions import install_present
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.faulty_proxy import Faults, faulty_proxy
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.waiting import busyness, eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TIMES = int(os.environ.get("MODELWAY_TAKEOVERS", "1"))
TAKEOVER_SECONDS = 16.0
HANDOVER_SECONDS = 2.0
END_SECONDS = 15.0
"""What the chart gives a pod at least."""


class Takeover(NamedTuple):
    """How long it took until another one wrote, in seconds."""

    waited: float
    """Since the signal."""
    vacant: float
    """Since the one that led had the Lease stored for the last time."""


Waits = dict[str, list[Takeover]]

logger = logging.getLogger(__name__)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("takeover"), endpoint_lag=0.2, metrics=False, warm=True) as started:
        kubectl = Kubectl(started.kubectl, started.kubeconfig)
        install_present(kubectl)
        kubectl.create([namespace_manifest("contest"), namespace_manifest("slow")])
        yield started


@pytest.fixture
def slow(sandbox: Sandbox) -> Iterator[tuple[Contender, Faults]]:
    """An operator on a slow line, alone in its namespace."""
    with faulty_proxy(sandbox.directory, sandbox.server) as (kubeconfig, faults):
        operator = Contender.start(f"slow-{next(_numbers)}", sandbox, "slow", kubeconfig=kubeconfig)
        try:
            eventually(lambda: operator.ready and operator.leads, deadline=60)
            faults.requests.clear()
            yield operator, faults
        finally:
            operator.end()


# Before those that need the contest, which keeps the machine busy.
@pytest.mark.parametrize(("delay", "in_time"), [(0.3, True), (2.0, False)], ids=["in time", "too slow"])
def test_told_to_stop_it_ends_its_pass_and_then_itself(
    sandbox: Sandbox, slow: tuple[Contender, Faults], delay: float, *, in_time: bool
) -> None:
    operator, faults = slow
    kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig, "slow")
    model = Deployed(kubectl, "in-time" if in_time else "too-slow")
    faults.delay = delay
    model.apply(scheduling=NOWHERE)
    eventually(lambda: any("/controllerrevisions/" in one.path for one in list(faults.requests)))
    begin = time.monotonic()
    operator.signal(signal.SIGTERM)
    assert operator.process.wait(30) == 0
    ended = time.monotonic() - begin
    logger.info("Ended within %.2f s", ended)
    assert ended <= END_SECONDS
    assert not kubectl.get("lease", LEASE)["spec"].get("holderIdentity"), "given back"
    assert ("is cancelled" in operator.log.read_text()) is not in_time
    presence = [kubectl.exists(kind, model.name) for kind in ("deployment", "service", "poddisruptionbudget")]
    assert (all(presence) and bool(model.condition())) is in_time


@pytest.fixture(scope="module")
def contest(sandbox: Sandbox) -> Iterator[Contest]:
    contest = Contest(sandbox, "contest")
    try:
        contest.join()
        contest.join()
        with stir_models(sandbox, "contest"):
            yield contest
    finally:
        for one in list(contest.present):
            contest.leave(one)


@pytest.fixture
def leader(contest: Contest) -> Contender:
    """Who leads now, and writes."""
    while len(contest.present) < 2:
        contest.join()
    leader = eventually(contest.leader, deadline=60)
    assert leader is not None
    eventually(lambda: _writes(contest, leader.agent))
    return leader


@pytest.fixture(scope="module")
def waits() -> Iterator[Waits]:
    """What followed each signal."""
    waits: Waits = defaultdict(list)
    yield waits
    for name, takeovers in waits.items():
        for since in Takeover._fields:
            seconds = [getattr(one, since) for one in takeovers]
            figures = (round(how(seconds), 2) for how in (min, statistics.median, max))
            logger.info(
                "%d times %s, %s: %s s at least, %s s in the median, %s s at most", len(seconds), name, since, *figures
            )


def _writes(contest: Contest, agent: str = "modelway (") -> list[str]:
    """When the operators wrote."""
    return [one["requestReceivedTimestamp"] for one in contest.tenure.writes(agent)]


def _followed_after(contest: Contest, leader: Contender, number: signal.Signals, waits: Waits) -> Takeover:
    """Send who leads a signal, and wait until somebody else wrote."""
    begin = datetime.now(UTC)
    leader.signal(number)
    if number != signal.SIGTERM:
        contest.join()  # whoever takes the place of the one that is gone may well start while its Lease runs out
    heirs = [one for one in contest.present if one is not leader]

    def first() -> str:
        return min((at for one in heirs for at in _writes(contest, one.agent) if at > begin.isoformat()), default="")

    followed = datetime.fromisoformat(eventually(first, deadline=60))
    last = datetime.fromisoformat(max(at for at, by in contest.tenure.terms() if by == leader.agent))
    takeover = Takeover((followed - begin).total_seconds(), (followed - last).total_seconds())
    logger.info("After %s %s", number.name, takeover)
    waits[number.name].append(takeover)
    return takeover


def _nobody_wrote_while_another_led(contest: Contest) -> None:
    assert contest.tenure.trespasses() == []


@pytest.mark.parametrize("_", range(TIMES))
def test_a_killed_leader_is_followed_within_16_seconds(
    contest: Contest, leader: Contender, waits: Waits, _: int
) -> None:
    takeover = _followed_after(contest, leader, signal.SIGKILL, waits)
    contest.leave(leader)
    assert takeover.waited <= TAKEOVER_SECONDS
    _nobody_wrote_while_another_led(contest)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_stopped_leader_is_followed_within_2_seconds(
    contest: Contest, leader: Contender, waits: Waits, _: int
) -> None:
    """Two seconds after its passes have ended, to be exact, for which they have some time."""
    takeover = _followed_after(contest, leader, signal.SIGTERM, waits)
    assert leader.process.wait(20) == 0
    last_words = leader.last_words
    contest.leave(leader)
    promised = HANDOVER_SECONDS * busyness()
    assert takeover.vacant <= promised, last_words
    assert takeover.waited <= GRACE_SECONDS + promised, last_words
    _nobody_wrote_while_another_led(contest)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_leader_that_stood_still_writes_nothing_more(
    contest: Contest, leader: Contender, waits: Waits, _: int
) -> None:
    takeover = _followed_after(contest, leader, signal.SIGSTOP, waits)
    leader.signal(signal.SIGCONT)
    assert leader.process.wait(20) == EXIT_CODE
    contest.leave(leader)
    assert takeover.waited <= TAKEOVER_SECONDS
    _nobody_wrote_while_another_led(contest)


def test_an_api_server_that_stands_still_ends_no_operator(contest: Contest, leader: Contender) -> None:
    [server] = [part.pid for part in contest.sandbox.parts() if part.name == "kube-apiserver"]
    os.kill(server, signal.SIGSTOP)
    try:
        time.sleep(LEASE_SECONDS + 3)
        assert leader.process.poll() is None, leader.last_words
        assert not leader.leads
    finally:
        os.kill(server, signal.SIGCONT)
    begin = datetime.now(UTC)
    eventually(lambda: [at for at in _writes(contest) if at > begin.isoformat()], deadline=TAKEOVER_SECONDS)
    for one in list(contest.present):
        if one.process.poll() is not None:
            assert one.process.returncode == 1, "the other one was faster"
            contest.leave(one)
    assert contest.present
    _nobody_wrote_while_another_led(contest)
