"""A process beside the server that opens connections to the candidate of a rollout, and hands them to the workers.

A model's process may open no connection at all (`process.walls`). So it asks this one, which began before the walls
were raised, runs no code of a model, and connects to nothing but the address in `traffic.json`, on HANDOVER_PORT.
It also starts the process that sends copies, where a worker asks for the way to it. It ends with the server.
"""

import ctypes
import errno
import gc
import logging
import os
import selectors
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, cast

from modelway_server.process.walls import Walls
from modelway_server.traffic.document import FILE_NAME, HANDOVER_PORT, MAX_BYTES, BadDocument, read_address
from modelway_server.traffic.shared import Shared

OPENED, NOT_OPENED = b"+", b"-"
"""What the broker answers; the first comes with a descriptor whose connection is being opened."""
ASKED: Final = b"?"
"""For a connection."""
MIRROR_ASKED: Final = b"!"
"""For a way to the process that sends copies."""
START_SECONDS: Final = 1.0
"""Between two starts of that process."""
PRIORITY_VARIABLE: Final = "MODELWAY_COPIES"
"""`usual` leaves that process the priority of all others: where many programs share few processors without a share of their own, as in tests, it would hardly ever work."""
LOWEST: Final = 19
"""Of `nice`."""
_PASSING: Final = frozenset({errno.ETOOMANYREFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""Why a descriptor cannot be handed over now, and can be later."""
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_LOGGER = logging.getLogger(__name__)


class Rollouts(NamedTuple):
    """What the workers of a pod need for rollouts, and must have before the walls are raised.

    Attributes:
        shared: their memory.
        brokers: each worker's way to ask the broker.
    """

    shared: Shared
    brokers: list[socket.socket]


RunMirror = Callable[[socket.socket, socket.socket], None]
"""Sends copies until nobody wants that any more. Takes the way to the broker, and the socket that brings workers' ways."""


def start_broker(folder: Path, workers: int, read: Sequence[Path], run_mirror: RunMirror) -> list[socket.socket]:
    """Start the process, and give each worker its way to ask it.

    Args:
        folder: of `traffic.json`.
        workers: how many may ask.
        read: what the process that sends copies must read, to import its code.
        run_mirror: what that process does.
    """
    pairs = [socket.socketpair() for _ in range(workers)]
    parent = os.getpid()
    gc.freeze()  # what exists is shared with the fork, and not touched by its collector
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        _be_broker(folder, pairs, parent, read, run_mirror)
    gc.unfreeze()
    for _, other in pairs:
        other.close()
    for own, _ in pairs:
        own.settimeout(0)
    return [own for own, _ in pairs]


def _be_broker(
    folder: Path,
    pairs: list[tuple[socket.socket, socket.socket]],
    parent: int,
    read: Sequence[Path],
    run_mirror: RunMirror,
) -> NoReturn:
    try:
        for own, _ in pairs:
            own.close()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)  # it ends with those that ask
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries what it starts
        _be_child("modelway-broker")
        if os.getppid() == parent:
            walls = Walls()
            walls.hide_files([folder, *read], [])
            walls.refuse_calls(forks=True, connect=(HANDOVER_PORT,))
            _Broker(folder, [other for _, other in pairs], read, run_mirror).serve()
    finally:
        sys.stderr.flush()
        os._exit(0)


def _be_child(name: str) -> None:
    """End with the parent, and have a name."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        library.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def yield_to_others() -> None:
    """Let this process work only while nobody else wants its processor (Linux), or as little as the system lets it."""
    os.nice(LOWEST)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class _Broker:
    """The process, once it is there.

    Args:
        folder: of `traffic.json`.
        askers: the ways from the workers.
        read: as in `start_broker`.
        run_mirror: likewise.
    """

    def __init__(
        self, folder: Path, askers: Sequence[socket.socket], read: Sequence[Path], run_mirror: RunMirror
    ) -> None:
        self._folder = folder
        self._askers = set(askers)
        self._read = read
        self._run_mirror = run_mirror
        self._selector = selectors.DefaultSelector()
        self._control: socket.socket | None = None
        self._started = -START_SECONDS
        for asker in askers:
            self._selector.register(asker, selectors.EVENT_READ)

    def serve(self) -> None:
        """Answer until no worker is left that could ask."""
        while self._askers:
            for key, _ in self._selector.select():
                asker = cast("socket.socket", key.fileobj)
                if not self._answer_all(asker):
                    self._selector.unregister(asker)
                    self._askers.discard(asker)
                    asker.close()  # so that who asks knows that nobody answers

    def _answer_all(self, asker: socket.socket) -> bool:
        """Answer what is asked; whether there may be more questions."""
        try:
            questions = asker.recv(64)
            for question in questions:
                if question == MIRROR_ASKED[0]:
                    self._give_way(asker)
                else:
                    answer(asker, self._folder / FILE_NAME)
        except OSError:
            return False
        return bool(questions)

    def _give_way(self, asker: socket.socket) -> None:
        """Give a worker a way to the process that sends copies, which is started where there is none.

        Raises:
            OSError: the worker has gone.
        """
        is_there = asker in self._askers and (self._control is not None or self._start_mirror())
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # it must not inherit the worker's end
        with own, other:
            if is_there and self._hand_over(other):
                _send(asker, own)
            else:
                asker.sendall(NOT_OPENED)

    def _hand_over(self, way: socket.socket) -> bool:
        """Give a way to the process that sends copies; whether that was possible."""
        assert self._control is not None
        try:
            socket.send_fds(self._control, [OPENED], [way.fileno()])
        except OSError as error:
            if error.errno not in _PASSING and not isinstance(error, BlockingIOError):
                self._control.close()
                self._control = None
            return False
        return True

    def _start_mirror(self) -> bool:
        """Start the process that sends copies; whether it was."""
        now = time.monotonic()
        if now - self._started < START_SECONDS:
            return False
        self._started = now
        control, others_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asker, others_asker = socket.socketpair()
        broker = os.getpid()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
        except OSError:
            pid = -1
        if not pid:
            for each in (control, asker, *self._askers):
                each.close()
            self._be_mirror(broker, others_asker, others_control)
        others_control.close()
        others_asker.close()
        if pid < 0:
            control.close()
            asker.close()
            return False
        control.settimeout(0)
        asker.settimeout(0)  # nobody waits for that process
        self._control = control
        self._selector.register(asker, selectors.EVENT_READ)
        return True

    def _be_mirror(self, parent: int, way: socket.socket, control: socket.socket) -> NoReturn:
        try:
            self._selector.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _be_child("modelway-mirror")
            if os.environ.get(PRIORITY_VARIABLE) != "usual":
                yield_to_others()  # its imports, too, take time from nobody
            if os.getppid() == parent:
                walls = Walls()
                walls.hide_files([self._folder, *self._read], [])
                walls.hide_processes()
                walls.refuse_calls()
                way.settimeout(0)
                self._run_mirror(way, control)
        except BaseException:
            _LOGGER.exception("no copies are sent any more")
        finally:
            sys.stderr.flush()
            os._exit(0)


def answer(asker: socket.socket, path: Path) -> None:
    """Answer one question.

    Args:
        asker: the way to the worker.
        path: of the order.

    Raises:
        OSError: the worker has gone.
    """
    connection = _open(path)
    if connection is None:
        asker.sendall(NOT_OPENED)
        return
    with connection:
        _send(asker, connection)


def _send(asker: socket.socket, one: socket.socket) -> None:
    """Answer a question with a descriptor.

    Raises:
        OSError: the worker has gone.
    """
    try:
        socket.send_fds(asker, [OPENED], [one.fileno()])
    except OSError as error:
        if error.errno not in _PASSING:
            raise
        asker.sendall(NOT_OPENED)


def _open(path: Path) -> socket.socket | None:
    """A connection to the candidate that is being opened; None where there is no candidate, or no way to it."""
    try:
        with path.open("rb") as file:
            host, port = read_address(file.read(MAX_BYTES))
        connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, BadDocument):
        return None
    connection.settimeout(0)
    try:
        connection.connect((host, port))
    except BlockingIOError:
        return connection
    except OSError:
        connection.close()
        return None
    return connection
