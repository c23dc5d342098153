"""Draw the rows on which an engine must give the model's own answers: once, for all engines and the batching probe."""

import hashlib
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from modelway_server.contract.signature import Form
from modelway_server.engines.parity import Answers, answers_of
from modelway_server.engines.plan.plan import NotCovered
from modelway_server.engines.prepared import Prepared
from modelway_server.engines.sample_rows.random import Row, draw
from modelway_server.engines.sample_rows.sensitivity import sensitive_rows
from modelway_server.engines.time_limit import time_limit
from modelway_server.errors import InputError, describe, words
from modelway_server.runtimes.base import Runtime


class NoProof(Exception):
    """No rows can tell an engine from the model."""


class Proof:
    """The rows of one model's proof.

    Args:
        runtime: the model itself, warm.
        native: the document of the model itself.
        read_user_rows: returns the user's rows; called when they are needed.
        tolerance: answers that differ by less hardly vary.
        seconds: the time limit for making the rows.
    """

    def __init__(
        self,
        runtime: Runtime,
        native: Prepared,
        read_user_rows: Callable[[], list[Any]],
        *,
        tolerance: float,
        seconds: float,
    ) -> None:
        self._runtime = runtime
        self._signature = native.signature
        self._read_user_rows = read_user_rows
        self._tolerance = tolerance
        self._seconds = seconds
        self.seed = int(hashlib.sha256(native.digest.encode()).hexdigest()[:16], 16)

    @cached_property
    def drawn(self) -> list[Row]:
        """The rows around the model's training points; none if only its own code knows what a row is."""
        return self._draw(0)

    @cached_property
    def rows(self) -> list[Any]:
        """The rows of the proof, which tell the model from others.

        Raises:
            NoProof: the answers hardly vary, or the model refuses some rows.
        """
        try:
            rows = [*self.drawn, *self._read_user_rows()]
            if not self._may_draw:
                return rows
            with warnings.catch_warnings(), np.errstate(all="ignore"), time_limit(self._seconds):
                warnings.simplefilter("ignore")  # rows are odd on purpose
                return sensitive_rows(self._runtime, rows, self._draw, self._tolerance)
        except InputError as error:
            raise NoProof(f"the model itself refuses some rows ({error.message})") from error
        except NotCovered as error:
            raise NoProof(words(error)) from error
        except Exception as error:
            raise NoProof(f"looking for it failed ({describe(error)})") from error

    @cached_property
    def expected(self) -> dict[str, Answers]:
        """The model's own answers to the rows.

        Raises:
            NotCovered: the model refuses some rows.
        """
        return answers_of(self._runtime, self.rows)

    @cached_property
    def alone(self) -> dict[str, Answers]:
        """The model's own answers to the first row, asked alone."""
        return answers_of(self._runtime, self.rows[:1])

    @property
    def breakpoints(self) -> dict[int, list[Any]]:
        """The values that the model remembers of each column."""
        columns = zip(*self._points, strict=True) if self._may_draw else ()
        return {index: [value for value in known if value is not None] for index, known in enumerate(columns)}

    def _draw(self, number: int) -> list[Row]:
        """Draw rows as in `drawn`, others for each number."""
        return draw(self._signature, self._points, self.seed + number) if self._may_draw else []

    @cached_property
    def _points(self) -> list[Row]:
        from modelway_server.engines.sample_rows.training_points import training_points  # noqa: PLC0415  (scikit-learn)

        estimator = getattr(self._runtime, "estimator", None)
        return training_points(estimator, self._signature, np.random.default_rng(self.seed))

    @property
    def _may_draw(self) -> bool:
        return self._signature.form is not Form.TEXT and bool(self._signature.columns)
