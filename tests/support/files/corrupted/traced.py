"""Pickles and skops files of which an array or a number lies, built with their arrays fenced in."""

import io
import pickle
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import skops.io

from modelway_server.errors import LoadFailure
from modelway_server.runtimes.estimators.sub_estimators import serve_single_threaded
from modelway_server.runtimes.pickle import build
from modelway_server.runtimes.pickle.load import make
from modelway_server.runtimes.pickle.machine import read
from modelway_server.runtimes.pickle.trace import Array, Trace
from modelway_server.runtimes.pickle.walk import path_of
from modelway_server.runtimes.skops.archive import open_archive
from modelway_server.runtimes.skops.reader import Reader
from modelway_server.runtimes.skops.runtime import HANDLERS
from modelway_server.runtimes.trust import trust
from support.files.corrupted.fence import fence
from support.files.corrupted.lies import arrays_apart, lies, places, tell

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


class Traced:
    """A model's file, as the trace that it is read into.

    Args:
        content: of a pickle or a skops file.
        rows: that the model is asked.
    """

    def __init__(self, content: bytes, rows: Any) -> None:
        self._content, self._rows = content, rows

    def lies(self) -> list[Lie]:
        """The place of each, how it lies there, and at which side arrays are fenced."""
        return [
            (number, lie, at_end)
            for number, place in enumerate(places(self._trace()))
            for lie in lies(place)
            for at_end in ((True, False) if place.index < 0 else (True,))
        ]

    def where(self, lie: Lie) -> str:
        """The place in words: the attribute that holds it, as far as the file tells."""
        trace = self._trace()
        place = places(trace)[lie[0]]
        if place.index < 0:
            return f"{path_of(trace.root, place.holder)} {place.holder.dtype.str}{place.holder.shape} of {lie[1]}"
        return f"{place.holder[place.index - 1]!r:.30} ({place.holder[place.index]!r:.30}) is {lie[1]}"

    def outcome(self, lie: Lie) -> str:
        """What becomes of a model with a lie."""
        number, how, at_end = lie
        trace = self._trace()
        try:
            tell(places(trace)[number], how)
        except (ValueError, TypeError, IndexError, OverflowError):
            return "is no lie"
        build._STEPS[Array] = partial(_make_fenced, at_end=at_end)
        try:
            model = make(trace, NOBODY)
        except LoadFailure:
            return "refused"
        except Exception:  # noqa: BLE001  (whatever a class raises)
            return "raised"
        serve_single_threaded(model)
        return _ask(model, self._rows, at_end=at_end)

    def _trace(self) -> Trace:
        trace = _skops_trace(self._content) if self._content.startswith(b"PK") else read(self._content)
        arrays_apart(trace)
        return trace


def traced_files(model: Any, rows: Any) -> Iterator[tuple[str, Traced]]:
    """The model in each kind of file that can hold it, by the kind's name."""
    with suppress(AttributeError, pickle.PicklingError, TypeError):
        yield "pickle", Traced(pickle.dumps(model, 4), rows)
    with suppress(Exception):  # skops does not write all that a pickle holds
        yield "skops", Traced(skops.io.dumps(model), rows)


def _skops_trace(content: bytes) -> Trace:
    with open_archive(io.BytesIO(content), "model.skops") as archive:
        return Reader(archive, HANDLERS).read(archive.schema())


def _make_fenced(node: Any, *, at_end: bool) -> None:
    build._make_array(node)
    node.value = fence(node.value, at_end=at_end)


def _ask(model: Any, rows: Any, *, at_end: bool) -> str:
    answers = 0
    for form in _forms(model, rows, at_end=at_end):
        for method in METHODS:
            with suppress(Exception):
                getattr(model, method)(form)
                answers += 1
    return "answered" if answers else "answered nothing"


def _forms(model: Any, rows: Any, *, at_end: bool) -> Iterator[Any]:
    """The rows as they are, and of numbers also in single precision and as wide as the model says that it takes."""
    try:
        table = np.asarray(rows, dtype=np.float64)
    except (ValueError, TypeError):
        yield rows
        return
    yield rows if not isinstance(rows, list | np.ndarray) else fence(table, at_end=at_end)
    yield fence(table.astype(np.float32), at_end=at_end)
    width = getattr(model, "n_features_in_", None)
    if type(width) is int and 0 < width <= 10_000 and table.ndim == 2 and width != table.shape[1]:
        yield fence(np.resize(table, (len(table), width)), at_end=at_end)
