"""`python -m support.corrupted [--every N] [--turn K] [--only NAME]`: let each model lie in each of its places, and ask it.

It prints what ended its process by a signal and ends with status 1, and with 0 when there was none.
"""

import argparse
import faulthandler
import json
import os
import pickle
import resource
import signal
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from modelway_server.errors import LoadFailure
from modelway_server.runtimes.parts import serve_single_threaded
from modelway_server.runtimes.pickle import build
from modelway_server.runtimes.pickle.load import make
from modelway_server.runtimes.pickle.machine import read
from modelway_server.runtimes.pickle.trace import Array
from modelway_server.runtimes.pickle.walk import path_of
from modelway_server.runtimes.trust import trust
from support.corrupted.fence import fenced
from support.corrupted.lies import arrays_apart, lies, places, tell
from support.corrupted.models import models

SECONDS = 10
"""For one model to be loaded and asked."""
MEMORY = 6 << 30
METHODS = (
    "predict",
    "predict_proba",
    "transform",
    "decision_function",
    "score_samples",
    "kneighbors",
    "inverse_transform",
)
NOBODY = trust((), {})
Lie = tuple[int, str, bool]


def main(every: int, turn: int, only: str) -> int:
    """Try all models; 1 when one ended its process."""
    warnings.simplefilter("ignore")
    ended, outcomes = list[str](), Counter[str]()
    for name, make_model in models().items():
        if only not in name:
            continue
        model, rows = make_model()
        with suppress(AttributeError, pickle.PicklingError, TypeError):
            content = pickle.dumps(model, 4)
            told = [lie for lie in _lies(content) if zlib.crc32(f"{name} {lie}".encode()) % every == turn]
            for lie, outcome in zip(told, _outcomes(content, rows, told), strict=True):
                outcomes[outcome if not outcome.startswith("ended") else "ended"] += 1
                if outcome.startswith("ended"):
                    ended.append(f"{name}: {_where(content, lie)}: {outcome}")
                    print(ended[-1], flush=True)
    print(json.dumps(outcomes))
    return int(bool(ended))


def _lies(content: bytes) -> list[Lie]:
    trace = read(content)
    arrays_apart(trace)
    return [
        (number, lie, at_end)
        for number, place in enumerate(places(trace))
        for lie in lies(place)
        for at_end in ((True, False) if place.index < 0 else (True,))
    ]


def _where(content: bytes, lie: Lie) -> str:
    """The place in words: the attribute that holds it, as far as the file tells."""
    trace = read(content)
    arrays_apart(trace)
    place = places(trace)[lie[0]]
    if place.index < 0:
        return f"{path_of(trace.root, place.holder)} {place.holder.dtype.str}{place.holder.shape} of {lie[1]}"
    return f"{place.holder[place.index - 1]!r:.30} ({place.holder[place.index]!r:.30}) is {lie[1]}"


def _outcomes(content: bytes, rows: Any, told: list[Lie]) -> Iterator[str]:
    """What became of each lie; a process tries them in turn, and the next goes on where one ended."""
    done = 0
    while done < len(told):
        lines, status = _in_a_child(content, rows, told[done:])
        yield from lines
        done += len(lines)
        if status:
            yield f"ended by {signal.Signals(-status).name if status < 0 else status}"
            done += 1


def _in_a_child(content: bytes, rows: Any, told: list[Lie]) -> tuple[list[str], int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `verbose` is a number like others
        with os.fdopen(writing, "w", buffering=1) as out:
            for lie in told:
                signal.alarm(SECONDS)
                out.write(f"{_outcome(content, rows, lie)}\n")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        found = lines.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what joblib may have started
    return found, status


def _outcome(content: bytes, rows: Any, lie: Lie) -> str:
    number, how, at_end = lie
    trace = read(content)
    arrays_apart(trace)
    try:
        tell(places(trace)[number], how)
    except (ValueError, TypeError, IndexError, OverflowError):
        return "is no lie"
    build._STEPS[Array] = lambda node: _make_fenced(node, at_end=at_end)
    try:
        model = make(trace, NOBODY)
    except LoadFailure:
        return "refused"
    except Exception:  # noqa: BLE001  (whatever a class raises)
        return "raised"
    serve_single_threaded(model)
    return _ask(model, rows, at_end=at_end)


def _make_fenced(node: Any, *, at_end: bool) -> None:
    build._make_array(node)
    node.value = fenced(node.value, at_end=at_end)


def _ask(model: Any, rows: Any, *, at_end: bool) -> str:
    answers = 0
    for given in _forms(model, rows, at_end=at_end):
        for method in METHODS:
            with suppress(Exception):
                getattr(model, method)(given)
                answers += 1
    return "answered" if answers else "answered nothing"


def _forms(model: Any, rows: Any, *, at_end: bool) -> Iterator[Any]:
    """The rows as they are, and of numbers also in single precision and as wide as the model says that it takes."""
    try:
        table = np.asarray(rows, dtype=np.float64)
    except (ValueError, TypeError):
        yield rows
        return
    yield rows if not isinstance(rows, list | np.ndarray) else fenced(table, at_end=at_end)
    yield fenced(table.astype(np.float32), at_end=at_end)
    width = getattr(model, "n_features_in_", None)
    if type(width) is int and 0 < width <= 10_000 and table.ndim == 2 and width != table.shape[1]:
        yield fenced(np.resize(table, (len(table), width)), at_end=at_end)


if __name__ == "__main__":
    faulthandler.enable()
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="try one lie in so many")
    parser.add_argument("--turn", type=int, default=0, help="which of them: from 0 on")
    parser.add_argument("--only", default="", help="models whose name holds this")
    given = parser.parse_args()
    sys.exit(main(given.every, given.turn, given.only))
