"""Several worker processes behind one port, forked from a parent that holds the model and never runs it.

The parent has one thread and no event loop, so that it can fork again at any time. It replaces a worker that dies, after
a longer pause each time, and ends the pod when workers keep dying.
"""

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

from prometheus_client.multiprocess import mark_process_dead

from modelway_server.errors import LOAD_FAILURES, LoadFailed
from modelway_server.process.child import follow_parent
from modelway_server.process.exit_report import report_failure
from modelway_server.process.worker_state import WorkerStates

MAX_DEATHS = 5
"""This many deaths within DEATH_WINDOW_SECONDS end the pod."""
DEATH_WINDOW_SECONDS = 60.0
FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 5.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_REPORTED = frozenset(failure.exit_code for failure in LOAD_FAILURES)
_LOGGER = logging.getLogger(__name__)


def supervise(count: int, work: Callable[[int], int], worker_states: WorkerStates) -> int:
    """Keep `count` workers running until a signal ends them, or until they keep dying.

    Args:
        count: how many workers.
        work: runs worker number n; its result is the exit status of the worker.
        worker_states: shared with the workers.

    Returns:
        The exit status of the pod's process: 0 after a drain.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    supervisor = _Supervisor(work, worker_states)
    for slot in range(count):
        supervisor.spawn(slot)
    return supervisor.run()


class _Supervisor:
    def __init__(self, work: Callable[[int], int], worker_states: WorkerStates) -> None:
        self._work = work
        self._worker_states = worker_states
        self._workers: dict[int, int] = {}
        self._due: dict[int, float] = {}
        self._deaths: list[float] = []
        self._status = 0
        self._ending = False

    def spawn(self, slot: int) -> None:
        """Fork worker `slot`."""
        self._due.pop(slot, None)
        self._worker_states.reset(slot)
        with warnings.catch_warnings():
            # BLAS handles its own threads at a fork, and there is no other Python thread
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            self._workers[pid] = slot
            return
        status = 1
        try:
            follow_parent()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self._work(slot)
        except BaseException:
            _LOGGER.exception("worker %d ends", slot)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def run(self) -> int:
        """Handle signals and deaths until no worker is left and none is wanted; the exit status."""
        while self._workers or not self._ending:
            received = signal.sigtimedwait(_SIGNALS, self._patience())
            if received is not None and received.si_signo in {signal.SIGTERM, signal.SIGINT}:
                self._pass_on(signal.Signals(received.si_signo))
            self._bury()
            for slot in [slot for slot, due in self._due.items() if due <= time.monotonic() and not self._ending]:
                self.spawn(slot)
        return self._status

    def _patience(self) -> float:
        now = time.monotonic()
        return max(min((due - now for due in self._due.values()), default=60.0), 0.0)

    def _pass_on(self, signum: signal.Signals) -> None:
        if signum is signal.SIGTERM:
            self._worker_states.begin_drain()
        self._ending = True
        self._kill(signum)

    def _kill(self, signum: signal.Signals) -> None:
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signum)

    def _bury(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            slot = self._workers.pop(pid, None)
            if slot is None:  # an orphan of a worker, whose parent is now the first process of the pod
                continue
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
            if not self._ending:
                self._replace(slot, os.waitstatus_to_exitcode(status))

    def _replace(self, slot: int, status: int) -> None:
        self._worker_states.reset(slot)
        if status in _REPORTED:
            self._give_up(status)
            return
        now = time.monotonic()
        self._deaths = [*(death for death in self._deaths if now - death < DEATH_WINDOW_SECONDS), now]
        how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        if len(self._deaths) >= MAX_DEATHS:
            message = (
                f"worker processes keep ending: {len(self._deaths)} within {DEATH_WINDOW_SECONDS:g} s, the last {how}"
            )
            remedy = "Read the server's log; a crash in native code often means a library of another version than the model's, and SIGKILL a lack of memory."
            self._give_up(report_failure(LoadFailed(message, remedy=remedy)))
            return
        delay = min(FIRST_DELAY_SECONDS * 2.0 ** (len(self._deaths) - 1), MAX_DELAY_SECONDS)
        _LOGGER.error("worker %d ended %s; another starts in %g s", slot, how, delay)
        self._due[slot] = now + delay

    def _give_up(self, status: int) -> None:
        self._status = status
        self._ending = True
        self._due.clear()
        self._kill(signal.SIGKILL)
