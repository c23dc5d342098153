"""Decide whether rows of several requests go to a model in one call. `prepare` decides once."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelway_server.engines.prepared import Prepared
from modelway_server.engines.row_independence import MOST, why_not_joined
from modelway_server.engines.sample_rows.probe_rows import probe_rows
from modelway_server.engines.time_limit import time_limit
from modelway_server.errors import describe
from modelway_server.runtimes.base import Runtime, as_estimator_holder

SHARE = 4
"""Rows one by one may take one of so many parts of an engine's time, for each method."""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BatchProbe:
    """What an engine is probed with.

    Attributes:
        engine: the runtime of the chosen engine, warmed up.
        estimator: the estimator in the model's file; None if it holds another object.
        draw: returns rows of the proof, as requests send them.
        seed: the seed of made-up rows.
        tolerance: by how much a number may differ.
        seconds: the time limit of the probe.
    """

    engine: Runtime
    estimator: Any
    draw: Callable[[], list[Any]]
    seed: int
    tolerance: float
    seconds: float


def with_batching(prepared: Prepared, probe: BatchProbe) -> Prepared:
    """Add the decision to the document. If the probe fails, the model is served and rows are not joined."""
    try:
        return record_batching(prepared, _why_not_joined(probe))
    except Exception as error:
        _LOGGER.warning("rows of several requests are not joined", exc_info=error)
        return record_batching(prepared, f"trying it failed ({describe(error)})")


def record_batching(prepared: Prepared, why: str | None) -> Prepared:
    """Add to the document why rows are not joined, as a clause; None joins them."""
    decision = "rows joined" if why is None else f"rows not joined: {why}"
    return replace(prepared, joined=why is None, description=prepared.description | {"batching": decision})


def _why_not_joined(probe: BatchProbe) -> str | None:
    engine = probe.engine
    module = type(getattr(engine, "wrapped", engine)).__module__
    if not module.startswith("modelway_server."):
        return f"{module} adds a format of its own, and may look at all rows of a call"
    if as_estimator_holder(engine) is not None:
        from modelway_server.engines.author_code import find_authors_code  # noqa: PLC0415  (scikit-learn)

        why = find_authors_code(probe.estimator)
        if why is not None:
            return why
    with time_limit(probe.seconds), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # rows are odd on purpose
        rows = probe_rows(
            engine.signature, engine.example(), draw=probe.draw, estimator=probe.estimator, seed=probe.seed, count=MOST
        )
        return why_not_joined(engine, rows, tolerance=probe.tolerance, seconds=probe.seconds / SHARE)
