"""The decision whether rows of several requests go to a model in one call: made once, by `prepare`."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelway_server.engines.prepared import Prepared
from modelway_server.engines.row_independence import MOST, why_apart
from modelway_server.engines.sample_rows.trial import trial_rows
from modelway_server.engines.time_limit import time_limit
from modelway_server.errors import describe
from modelway_server.runtimes.base import Runtime, estimating

SHARE = 4
"""Of the time that one engine may take, the part for asking it rows one by one, for each method."""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a model's engine is tried with.

    Attributes:
        engine: the runtime of the engine that was chosen, warmed up.
        estimator: what the model's file held, where that is an estimator.
        draw: rows of the proof, as requests have them.
        seed: of what is made up beside them.
        tolerance: by how much a number may differ.
        seconds: that the trial may take.
    """

    engine: Runtime
    estimator: Any
    draw: Callable[[], list[Any]]
    seed: int
    tolerance: float
    seconds: float


def with_batching(prepared: Prepared, trial: Trial) -> Prepared:
    """What was prepared, with the decision; whatever the trial raises, the model is served, and rows are not joined."""
    try:
        return apart(prepared, _why_apart(trial))
    except Exception as error:
        _LOGGER.warning("rows of several requests are not joined", exc_info=error)
        return apart(prepared, f"trying it failed ({describe(error)})")


def apart(prepared: Prepared, why: str | None) -> Prepared:
    """What was prepared, with why rows are not joined, as a clause; with None they are."""
    told = "rows joined" if why is None else f"rows not joined: {why}"
    return replace(prepared, joined=why is None, description=prepared.description | {"batching": told})


def _why_apart(trial: Trial) -> str | None:
    engine = trial.engine
    module = type(getattr(engine, "wrapped", engine)).__module__
    if not module.startswith("modelway_server."):
        return f"{module} adds a format of its own, and may look at all rows of a call"
    if estimating(engine) is not None:
        from modelway_server.engines.author_code import authors_code  # noqa: PLC0415  (scikit-learn)

        why = authors_code(trial.estimator)
        if why is not None:
            return why
    with time_limit(trial.seconds), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # rows are odd on purpose
        rows = trial_rows(
            engine.signature, engine.example(), draw=trial.draw, estimator=trial.estimator, seed=trial.seed, count=MOST
        )
        return why_apart(engine, rows, tolerance=trial.tolerance, seconds=trial.seconds / SHARE)
