"""A process beside the server that opens connections to the candidate of a rollout, and hands them to the workers.

A model's process may open no connection at all (`process.walls`). So it asks this one, which began before the walls
were raised, runs no code of a model, and connects to nothing but the address in `traffic.json`, on HANDOVER_PORT.
It ends with the server.
"""

import ctypes
import errno
import gc
import os
import selectors
import signal
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn, cast

from modelway_server.process.walls import Walls
from modelway_server.traffic.document import FILE_NAME, HANDOVER_PORT, MAX_BYTES, BadDocument, read_address

OPENED, NOT_OPENED = b"+", b"-"
"""What the broker answers; the first comes with a descriptor whose connection is being opened."""
ASKED: Final = b"?"
_PASSING: Final = frozenset({errno.ETOOMANYREFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""Why a descriptor cannot be handed over now, and can be later."""
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15


def start_broker(folder: Path, workers: int) -> list[socket.socket]:
    """Start the process, and give each worker its way to ask it.

    Args:
        folder: of `traffic.json`.
        workers: how many may ask.
    """
    pairs = [socket.socketpair() for _ in range(workers)]
    parent = os.getpid()
    gc.freeze()  # what exists is shared with the fork, and not touched by its collector
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        _be_broker(folder, pairs, parent)
    gc.unfreeze()
    for _, other in pairs:
        other.close()
    for own, _ in pairs:
        own.settimeout(0)
    return [own for own, _ in pairs]


def _be_broker(folder: Path, pairs: list[tuple[socket.socket, socket.socket]], parent: int) -> NoReturn:
    try:
        for own, _ in pairs:
            own.close()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)  # it ends with those that ask
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(None)
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            library.prctl(_PR_SET_NAME, b"modelway-broker", 0, 0, 0)
        if os.getppid() == parent:
            walls = Walls()
            walls.hide_files([folder], [])
            walls.refuse_calls(connect=(HANDOVER_PORT,))
            _serve(folder / FILE_NAME, [other for _, other in pairs])
    finally:
        sys.stderr.flush()
        os._exit(0)


def _serve(path: Path, askers: list[socket.socket]) -> None:
    """Answer until nobody is left who could ask."""
    with selectors.DefaultSelector() as selector:
        for one in askers:
            selector.register(one, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                asker = cast("socket.socket", key.fileobj)
                if not _answer_all(asker, path):
                    selector.unregister(asker)
                    asker.close()  # so that who asks knows that nobody answers


def _answer_all(asker: socket.socket, path: Path) -> bool:
    """Answer what a worker asks; whether it may ask again."""
    try:
        questions = asker.recv(64)
        for _ in questions:
            answer(asker, path)
    except OSError:
        return False
    return bool(questions)


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
        try:
            socket.send_fds(asker, [OPENED], [connection.fileno()])
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
