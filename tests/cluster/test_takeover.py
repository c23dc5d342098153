"""Two operators and one Lease: the one that leads dies, is told to stop, or stands still, and the other one goes on; never do both write.

`MODELWAY_TAKEOVERS=50` repeats each as often; `--log-cli-level=info` tells how long each took.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelway.election import LEASE_SECONDS
from modelway.fuse import EXIT_CODE
from sandbox import Sandbox
from support.cluster import Kubectl, namespace_manifest
from support.contenders import Contender, Contest, stirred
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TIMES = int(os.environ.get("MODELWAY_TAKEOVERS", "1"))
TAKEOVER_SECONDS = 16.0
HANDOVER_SECONDS = 2.0

logger = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    crd = Path(__file__).resolve().parents[2] / "crds" / "modeldeployments.yaml"
    with Sandbox.start(tmp_path_factory.mktemp("takeover"), endpoint_lag=0.2, metrics=False) as sandbox:
        kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
        kubectl("apply", "--server-side", "-f", str(crd))
        kubectl.create(namespace_manifest("contest"))
        wait = ("wait", "--for=condition=Established", "crd/modeldeployments.modelway.dev", "--timeout=30s")
        eventually(lambda: kubectl(*wait))
        contest = Contest(sandbox, "contest")
        try:
            contest.join()
            contest.join()
            with stirred(sandbox, "contest"):
                yield contest
        finally:
            for one in list(contest.present):
                contest.leave(one)


@pytest.fixture
def leader(contest: Contest) -> Contender:
    """Who leads now, and writes."""
    while len(contest.present) < 2:
        contest.join()
    found = eventually(contest.leader, deadline=60)
    assert found is not None
    eventually(lambda: _writes(contest, found.agent))
    return found


def _writes(contest: Contest, agent: str = "modelway (") -> list[str]:
    """When the operators wrote."""
    return [one["requestReceivedTimestamp"] for one in contest.tenure.writes(agent)]


def _followed_after(contest: Contest, gone: Contender, begin: datetime) -> float:
    """Seconds until somebody else wrote."""
    [heir] = [one for one in contest.present if one is not gone]

    def first() -> str:
        return min((at for at in _writes(contest, heir.agent) if at > begin.isoformat()), default="")

    at = eventually(first, deadline=60)
    return (datetime.fromisoformat(at) - begin).total_seconds()


def _nobody_wrote_while_another_led(contest: Contest) -> None:
    assert contest.tenure.trespasses() == []


@pytest.mark.parametrize("_", range(TIMES))
def test_a_killed_leader_is_followed_within_16_seconds(contest: Contest, leader: Contender, _: int) -> None:
    begin = datetime.now(UTC)
    leader.signal(signal.SIGKILL)
    waited = _followed_after(contest, leader, begin)
    logger.info("Followed after kill -9 in %.2f s", waited)
    contest.leave(leader)
    assert waited <= TAKEOVER_SECONDS
    _nobody_wrote_while_another_led(contest)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_stopped_leader_is_followed_within_2_seconds(contest: Contest, leader: Contender, _: int) -> None:
    begin = datetime.now(UTC)
    leader.signal(signal.SIGTERM)
    waited = _followed_after(contest, leader, begin)
    logger.info("Followed after SIGTERM in %.2f s", waited)
    assert leader.process.wait(20) == 0
    last_words = leader.last_words
    contest.leave(leader)
    assert waited <= HANDOVER_SECONDS, last_words
    _nobody_wrote_while_another_led(contest)


@pytest.mark.parametrize("_", range(TIMES))
def test_a_leader_that_stood_still_writes_nothing_more(contest: Contest, leader: Contender, _: int) -> None:
    begin = datetime.now(UTC)
    leader.signal(signal.SIGSTOP)
    waited = _followed_after(contest, leader, begin)
    leader.signal(signal.SIGCONT)
    assert leader.process.wait(20) == EXIT_CODE
    contest.leave(leader)
    assert waited <= TAKEOVER_SECONDS
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
