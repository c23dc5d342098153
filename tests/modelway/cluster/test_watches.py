"""A dead watch is found among live ones, logged once and restarted; its recovery is logged too."""

import pytest

from modelway.cluster.watches import DEAF_SECONDS, Watch, Watches

LIVING, DEAD = Watch("Pod", "ops"), Watch("Pod", "risk")


class _Stream:
    """What has come, as the test says."""

    bytes = 0
    closed = False

    def received(self) -> int:
        return self.bytes

    def close(self) -> None:
        self.closed = True


class _World:
    """Two watches, of which one lives."""

    def __init__(self) -> None:
        self.now = 0.0
        self.restarted: list[Watch] = []
        self.absent = ""
        """The name of a kind that is not served."""
        self.watches = Watches(self.restarted.append, lambda: self.now, lambda kind: kind != self.absent)
        self.streams = {LIVING: _Stream(), DEAD: _Stream()}
        for watch, stream in self.streams.items():
            self.watches.note_request(watch)
            self.watches.note_open(watch, stream)

    def pass_by(self, seconds: float) -> None:
        """Time passes; a bookmark comes every minute where one does."""
        for second in range(int(seconds)):
            self.now += 1
            if second % 60 == 0:
                self.streams[LIVING].bytes += 100
            self.watches.look()


def test_a_dead_watch_is_logged_once_and_reopened_until_it_lives(caplog: pytest.LogCaptureFixture) -> None:
    """The new connection may be as dead as the one before."""
    world = _World()
    world.pass_by(3 * DEAF_SECONDS)
    assert world.restarted == [DEAD] * 2, "after one such time, and after two"
    assert (world.streams[DEAD].closed, world.streams[LIVING].closed) == (True, False)
    assert world.watches.deaf
    assert dict(world.watches.silence())[DEAD] == pytest.approx(3 * DEAF_SECONDS)
    [message] = [record.getMessage() for record in caplog.records]
    assert "Pod in namespace risk has received nothing" in message


def test_a_watch_that_receives_data_again_is_not_deaf() -> None:
    world = _World()
    world.pass_by(DEAF_SECONDS + 5)
    world.streams[DEAD] = _Stream()
    world.watches.note_open(DEAD, world.streams[DEAD])
    assert world.watches.deaf, "a connection alone is no news"
    world.streams[DEAD].bytes = 1
    world.pass_by(1)
    assert not world.watches.deaf


def test_a_refused_watch_is_logged_once_and_never_deaf(caplog: pytest.LogCaptureFixture) -> None:
    world = _World()
    with caplog.at_level("INFO"):
        for _ in range(100):
            world.watches.note_failure(DEAD, "403")
            world.pass_by(10)
        world.watches.note_open(DEAD, _Stream())
    assert world.restarted == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_an_outage_of_the_server_makes_no_watch_deaf() -> None:
    world = _World()
    world.now += 10 * DEAF_SECONDS
    world.watches.excuse()
    world.watches.look()
    assert world.restarted == []


def test_nothing_is_noted_of_a_watch_whose_kind_is_absent() -> None:
    """An answer may come after the kind was found to have gone."""
    world = _World()
    world.absent = DEAD.kind
    world.watches.forget(DEAD.kind)
    world.watches.note_request(DEAD)
    world.watches.note_failure(DEAD, "500")
    world.watches.note_open(DEAD, world.streams[DEAD])
    assert list(world.watches.silence()) == []
    world.absent = ""
    world.watches.note_request(DEAD)
    assert list(world.watches.silence()) == [(DEAD, 0.0)]
