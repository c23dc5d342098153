"""The election: never two that may write, whatever the network does, and soon one that does when it is well."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.cluster.election.candidate import Candidate, Lead
from modelway.cluster.election.decision import LEADING_SECONDS, LEASE_SECONDS, WATCHDOG_SECONDS, Election, Lease
from modelway.cluster.election.watchdog import EXIT_CODE
from modelway.errors import ClusterError, LeaseLost
from modelway.manager import GRACE_SECONDS
from support.operator.virtual_time import in_virtual_time

NAMES = ("a", "b", "c")
TAKEOVER_SECONDS = 16.0
HANDOVER_SECONDS = 2.0
CALM_AFTER = 120.0


@dataclass
class Store:
    """An API server that holds one object and compares versions."""

    lease: dict[str, Any] | None = None
    version: int = 0

    def get(self) -> dict[str, Any] | None:
        return self.lease

    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        present = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if body["metadata"].get("resourceVersion") != present:
            raise ClusterError("somebody was faster", status=409)
        self.version += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return self.lease


@dataclass
class Line:
    """The network between one candidate and the store."""

    store: Store
    there: float = 0.01
    back: float = 0.01
    cut: bool = False

    def suffer(self, there: float = 0.01, back: float = 0.01, cut: bool = False) -> None:  # noqa: FBT001, FBT002 -- call_at gives no names
        self.there, self.back, self.cut = there, back, cut

    def hold_back_unless(self, _: Any) -> None:
        pass

    async def get(self, *_: Any) -> Any:
        return await self._ask(self.store.get)

    async def put(self, _: Any, body: dict[str, Any]) -> Any:
        return await self._ask(self.store.put, body)

    async def _ask(self, call: Any, *arguments: Any) -> Any:
        """What has been sent arrives, though nobody waits for the answer any more."""
        return await asyncio.shield(asyncio.ensure_future(self._travel(call, *arguments)))

    async def _travel(self, call: Any, *arguments: Any) -> Any:
        lost = self.cut
        await asyncio.sleep(self.there)
        try:
            answer = call(*arguments)
        except ClusterError as error:
            answer = error
        await asyncio.sleep(self.back)
        if lost or self.cut:
            return await asyncio.Event().wait() if self.there > 1 else _raise(ClusterError("cut off", status=0))
        return _raise(answer) if isinstance(answer, ClusterError) else answer


class ClockedWatchdog:
    """Ends nothing, and tells that it would have."""

    def __init__(self) -> None:
        self.fired = False
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        self.remove()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._blow)

    def remove(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _blow(self) -> None:
        self.fired = True


@dataclass
class Player:
    """A candidate, and what becomes of it."""

    name: str
    line: Line
    drift: float = 1.0
    task: asyncio.Task[None] | None = None
    candidate: Candidate | None = None
    lives: int = 0
    watchdog: ClockedWatchdog = field(default_factory=ClockedWatchdog)
    lead: Lead | None = None
    """What it does while it leads; nothing by default."""

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.lives += 1
        client: Any = self.line
        self.candidate = Candidate(
            client, "ns/lease", f"{self.name}{self.lives}", self.watchdog, clock=lambda: loop.time() * self.drift
        )
        self.task = asyncio.create_task(self.candidate.stand(self.lead or _lead))

    def revive(self) -> None:
        """Whoever lost the Lease ends, and is started again."""
        if self.task is not None and self.task.done():
            assert isinstance(self.task.exception(), LeaseLost)
            self.start()

    @property
    def leads(self) -> bool:
        return self.candidate is not None and self.candidate.may_write()


async def _lead() -> None:
    await asyncio.Event().wait()


def _raise(error: Exception) -> Any:
    raise error


@dataclass(frozen=True)
class Fault:
    """From `at` on, for `seconds`, the line of one candidate is slow or cut."""

    who: int
    at: float
    seconds: float
    there: float
    back: float
    cut: bool


faults = st.lists(
    st.builds(
        Fault,
        who=st.integers(0, len(NAMES) - 1),
        at=st.floats(0, CALM_AFTER - 40),
        seconds=st.floats(0, 40),
        there=st.sampled_from([0.01, 0.5, 2.9, 3.1, 8.0, 25.0]),
        back=st.sampled_from([0.01, 0.5, 2.9, 8.0]),
        cut=st.booleans(),
    ),
    max_size=12,
)


@dataclass
class Game:
    """Three candidates and one Lease."""

    store: Store = field(default_factory=Store)
    players: list[Player] = field(default_factory=list)

    def start(self, drifts: tuple[float, ...] = (1.0, 1.0, 1.0)) -> None:
        for name, drift in zip(NAMES, drifts, strict=True):
            self.players.append(Player(name, Line(self.store), drift))
            self.players[-1].start()

    @property
    def leaders(self) -> list[str]:
        return [one.name for one in self.players if one.leads]

    async def until_one_leads(self, seconds: float) -> Player:
        end = asyncio.get_running_loop().time() + seconds
        while not self.leaders:
            assert asyncio.get_running_loop().time() <= end, f"nobody leads after {seconds} s"
            await asyncio.sleep(0.05)
        return next(one for one in self.players if one.leads)

    async def end(self) -> None:
        for one in self.players:
            one.line.cut = False
            if one.task is not None:
                one.task.cancel()
        await asyncio.gather(*(one.task for one in self.players if one.task), return_exceptions=True)


async def _play_troubled(disturb: list[Fault], drifts: tuple[float, ...]) -> None:
    game = Game()
    game.start(drifts)
    loop = asyncio.get_running_loop()
    for fault in disturb:
        line = game.players[fault.who].line
        loop.call_at(fault.at, line.suffer, fault.there, fault.back, fault.cut)
        loop.call_at(fault.at + fault.seconds, line.suffer)
    while loop.time() < CALM_AFTER:
        assert len(game.leaders) <= 1, f"at {loop.time():.2f}: {game.leaders}"
        for player in game.players:
            player.revive()
            assert not player.watchdog.fired, (
                f"at {loop.time():.2f} {player.name} was alive, and had not ceased to lead"
            )
        await asyncio.sleep(0.1)
    await game.until_one_leads(TAKEOVER_SECONDS)
    await game.end()


@pytest.mark.slow
@settings(max_examples=40)
@given(disturb=faults, drifts=st.tuples(*[st.floats(0.98, 1.02)] * 3))
def test_never_two_lead_and_soon_one_does(disturb: list[Fault], drifts: tuple[float, ...]) -> None:
    in_virtual_time(_play_troubled(disturb, drifts))


def test_a_dead_leader_is_replaced_in_time() -> None:
    async def scenario(die_after: float) -> float:
        game = Game()
        game.start()
        first = await game.until_one_leads(2)
        await asyncio.sleep(die_after)
        first.line.there, died = 1e6, asyncio.get_running_loop().time()
        first.candidate = None
        await game.until_one_leads(TAKEOVER_SECONDS)
        waited = asyncio.get_running_loop().time() - died
        await game.end()
        return waited

    waits = [in_virtual_time(scenario(number / 7)) for number in range(28)]
    assert max(waits) <= LEASE_SECONDS + 1.5


@pytest.mark.slow
def test_a_stopping_leader_is_replaced_at_once() -> None:
    async def scenario(stop_after: float) -> float:
        game = Game()
        game.start()
        first = await game.until_one_leads(2)
        await asyncio.sleep(stop_after)
        assert first.task is not None
        first.task.cancel()
        stopped = asyncio.get_running_loop().time()
        await asyncio.sleep(0.03)
        await game.until_one_leads(HANDOVER_SECONDS)
        waited = asyncio.get_running_loop().time() - stopped
        await game.end()
        return waited

    # Among these moments are those in which a renewal is under way.
    assert max(in_virtual_time(scenario(number / 100)) for number in range(300)) <= HANDOVER_SECONDS


def test_a_leader_that_ends_slowly_triggers_no_watchdog() -> None:
    """Its passes take all the time that is left, and then the Lease is given back as slowly as it was renewed."""

    async def scenario(stop_after: float, delay: float) -> tuple[bool, Any]:
        game = Game()
        player = Player("a", Line(game.store))
        game.players.append(player)

        async def until_the_last_moment() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                assert player.candidate is not None
                await asyncio.sleep(min(GRACE_SECONDS, player.candidate.seconds_left()))

        player.lead = until_the_last_moment
        player.start()
        await game.until_one_leads(2)
        player.line.suffer(delay, delay)
        await asyncio.sleep(stop_after)
        assert player.task is not None
        player.task.cancel()
        await asyncio.gather(player.task, return_exceptions=True)
        await asyncio.sleep(WATCHDOG_SECONDS)
        return player.watchdog.fired, game.store.lease and game.store.lease["spec"].get("holderIdentity")

    ends = {in_virtual_time(scenario(number / 5, 0.6)) for number in range(40)}
    assert ends == {(False, None)}
    fired = {in_virtual_time(scenario(number / 5, delay))[0] for number in range(40) for delay in (1.2, 2.0)}
    assert fired == {False}, "a Lease that cannot be given back in time runs out"


def test_a_lapse_that_nobody_used_is_no_loss() -> None:
    async def scenario() -> None:
        game = Game()
        player = Player("a", Line(game.store))
        game.players.append(player)
        player.start()
        await game.until_one_leads(2)
        player.line.cut = True
        await asyncio.sleep(LEADING_SECONDS + 1)
        assert not game.leaders
        player.line.cut = False
        await asyncio.sleep(1)
        assert game.leaders == ["a"]
        assert player.task is not None
        assert not player.task.done()
        await game.end()

    in_virtual_time(scenario())


def test_a_leader_knows_for_how_long_it_may_write() -> None:
    async def scenario() -> list[float]:
        game = Game()
        player = Player("a", Line(game.store))
        game.players.append(player)
        player.start()
        await game.until_one_leads(2)
        assert player.candidate is not None
        left = [player.candidate.seconds_left()]
        player.line.cut = True
        await asyncio.sleep(LEADING_SECONDS + 1)
        left.append(player.candidate.seconds_left())
        await game.end()
        return left

    led, lapsed = in_virtual_time(scenario())
    assert LEADING_SECONDS - 0.2 < led <= LEADING_SECONDS
    assert lapsed == 0


@pytest.mark.parametrize("lease", [None, Lease("", 1, "", "", 3, "7")], ids=["there is none", "it was given back"])
def test_a_free_lease_is_taken_at_once(lease: Lease | None) -> None:
    election = Election("a")
    election.observe(lease, 0.0)
    assert election.bid(0.0, "now") is not None


def test_a_vanished_lease_is_not_taken_at_once() -> None:
    election = Election("a")
    election.observe(Lease("b", LEASE_SECONDS, "", "", 1, "7"), 0.0)
    election.observe(None, 1.0)
    assert election.bid(1.0 + LEASE_SECONDS - 0.1, "now") is None, "its holder may not know yet"
    assert election.bid(1.0 + LEASE_SECONDS, "now") is not None


def test_the_time_limits_are_in_order() -> None:
    assert LEADING_SECONDS < WATCHDOG_SECONDS < LEASE_SECONDS < TAKEOVER_SECONDS


_RESTLESS = """
import sys
from modelway.cluster.election.watchdog import KernelWatchdog
KernelWatchdog().set(1.0)
said = False
while True:
    with open(sys.argv[1], "w") as mark:
        mark.write("x")
    said = said or print("set", flush=True) is None
"""


def test_a_process_stopped_past_its_watchdog_ends(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with subprocess.Popen([sys.executable, "-c", _RESTLESS, str(mark)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"set\n"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        before = mark.stat().st_mtime_ns
        time.sleep(1.1)
        process.send_signal(signal.SIGCONT)
        try:
            assert process.wait(10) == EXIT_CODE
        finally:
            process.kill()
    assert mark.stat().st_mtime_ns == before
