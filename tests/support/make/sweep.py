"""Every estimator on many kinds of data, by the engine that is chosen for it: are its answers the estimator's own?

`python -m support.make.sweep` prepares each as `serve` would have it, and asks it for rows that nobody trained on. With names
it tries these alone; with `--write` it puts its table into docs/estimators.md.
"""

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.page import refresh
from modelway_server.contract.rows import rows_of_instances
from modelway_server.engines.choose import prepare_model
from modelway_server.engines.load import load_prepared
from modelway_server.engines.time_limit import TooLate, time_limit
from modelway_server.errors import LoadFailure
from modelway_server.runtimes.base import Runtime
from modelway_server.settings import ModelSettings
from support.make.survey import PAGE
from support.trained.estimators import fit, fitted_behind, fitted_on_two, names, takes_numbers
from support.trained.frames import columns, customers, records, score_of

TRAINED, FRESH = 120, 80
TOLERANCE = 1e-5
"""The default of `spec.runtime.tolerance`."""
SECONDS = 120.0
"""One estimator on one scale may take so long."""
Table = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Table]


def _unit(random: np.random.Generator, count: int) -> Table:
    return random.uniform(0.1, 1.0, size=(count, 4))


def _far(random: np.random.Generator, count: int) -> Table:
    return 10_000 + _unit(random, count)


def _metres(random: np.random.Generator, count: int) -> Table:
    return np.array([5e5, 5.5e6, 5e5, 5.5e6]) + random.normal(0, 3, size=(count, 4))


def _counts(random: np.random.Generator, count: int) -> Table:
    return random.poisson([0.5, 3, 20, 200], size=(count, 4)).astype(np.float64)


def _money(random: np.random.Generator, count: int) -> Table:
    rows = np.round(random.lognormal(5, 1.5, size=(count, 4)), 2)
    return np.where(random.uniform(size=rows.shape) < 0.03, rows * 1e5, rows)


def _integers(random: np.random.Generator, count: int) -> Table:
    return random.integers(-50, 50, size=(count, 4)).astype(np.float64)


def _missing(random: np.random.Generator, count: int) -> Table:
    rows = random.normal(size=(count, 4))
    return np.where(random.uniform(size=rows.shape) < 0.15, np.nan, rows)


SCALES: dict[str, Draw] = {
    "unit": _unit,
    "+ 10,000": _far,
    "metres": _metres,
    "counts": _counts,
    "money": _money,
    "integers": _integers,
    "missing": _missing,
}
_TOO_MANY_CODES = {("CategoricalNB", "metres"), ("CategoricalNB", "money")}
"""Its memory grows with the largest number."""


@dataclass(frozen=True)
class Outcome:
    """What became of one estimator on one scale.

    Attributes:
        engine: that was chosen; empty where the estimator takes no such numbers.
        reason: of that choice, or why there is none.
        differences: in what the answers are not the estimator's own.
    """

    engine: str
    reason: str
    differences: tuple[str, ...] = ()


TWO_TARGETS, FRAMES = "two targets", "frames"
"""Beside the scales: numbers with two targets, and data frames, of which a ColumnTransformer makes numbers."""
SUBJECTS = (*SCALES, TWO_TARGETS, FRAMES)
UNKNOWN = 0.1
"""Share of a frame's rows that hold a category which nobody has learned."""


def sweep(name: str, subject: str) -> Outcome:
    """Fit the estimator of that name, prepare it, and compare its answers with its own.

    Args:
        name: the estimator's.
        subject: on what: one of SUBJECTS.
    """
    if (name, subject) in _TOO_MANY_CODES or not takes_numbers(name):
        return Outcome("", "it takes other rows")
    random = np.random.default_rng(3)
    with warnings.catch_warnings(), np.errstate(all="ignore"), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        try:
            estimator, fresh = _fit(name, subject, random)
        except (ValueError, ArithmeticError) as error:  # the data do not suit it
            return Outcome("", str(error))
        if estimator is None:
            return Outcome("", "it takes one target")
        try:
            runtime = _prepare(estimator, Path(folder))
        except LoadFailure as failure:
            return Outcome("", failure.message)
        differences = tuple(_differences(runtime, estimator, fresh))
    return Outcome(runtime.engine, runtime.description.get("engine_reason", ""), differences)


def _fit(name: str, subject: str, random: np.random.Generator) -> tuple[Any, Any]:
    """The fitted estimator, and rows to ask it for."""
    if subject == FRAMES:
        frame = customers(random, TRAINED)
        estimator = fitted_behind(columns(), name, frame, score_of(frame))
        fresh = [customers(random, 3 * FRESH, unknown=UNKNOWN), frame[:FRESH]]
        return estimator, pd.concat(fresh, ignore_index=True).astype({"plan": frame["plan"].dtype})
    draw = SCALES.get(subject, _unit)
    rows = draw(random, TRAINED)
    estimator = fitted_on_two(name, rows) if subject == TWO_TARGETS else fit(name, rows)
    fresh_rows = _fresh(draw, random, rows)
    return estimator, fresh_rows[:, : getattr(estimator, "n_features_in_", 1)]


def _prepare(estimator: Any, folder: Path) -> Runtime:
    models, prepared = folder / "models", folder / "prepared"
    models.mkdir()
    prepared.mkdir()
    joblib.dump(estimator, models / "model.joblib")
    prepare_model(ModelSettings(model_dir=models), prepared)
    return load_prepared(models, prepared)


def _fresh(draw: Draw, random: np.random.Generator, rows: Table) -> Table:
    """Rows that were held out, those of the training, mixtures of both, and neighbours at all distances."""
    held_out, trained = draw(random, FRESH), rows[:FRESH]
    share = random.uniform(size=(FRESH, 1))
    distance = np.nanstd(rows, axis=0) * 10.0 ** random.uniform(-9, 0, size=(FRESH, 1))
    near = trained + random.normal(size=trained.shape) * distance
    return np.concatenate([held_out, trained, share * held_out + (1 - share) * trained, near])


def _differences(runtime: Runtime, estimator: Any, rows: Any) -> Iterator[str]:
    for method in runtime.methods:
        call = getattr(estimator, method)
        answered = (
            rows if _answers(call, rows) else rows[[_answers(call, rows[at : at + 1]) for at in range(len(rows))]]
        )
        if not len(answered):
            continue
        expected = call(answered)
        checked = rows_of_instances(runtime.signature, _instances(answered), "rows")
        arrays = runtime.call(method, checked.values, checked.count)
        several = isinstance(expected, list)
        if len(arrays) != (len(expected) if several else 1):
            yield f"{method} gives {len(arrays)} arrays"
            continue
        for (output, values), each in zip(arrays.items(), expected if several else [expected], strict=True):
            own = each.toarray() if hasattr(each, "toarray") else np.asarray(each)
            yield from _difference(output, own, values)


def _instances(rows: Any) -> list[Any]:
    if isinstance(rows, pd.DataFrame):
        return list(records(rows))
    return [[None if np.isnan(value) else value for value in row] for row in rows.tolist()]


def _answers(call: Callable[[Any], Any], rows: Any) -> bool:
    try:
        call(rows)
    except TooLate:
        raise
    except Exception:  # noqa: BLE001  (an estimator may raise anything)
        return False
    return True


def _difference(method: str, own: NDArray[Any], other: NDArray[Any]) -> Iterator[str]:
    if own.shape != other.shape:
        yield f"{method} is {list(other.shape)}, not {list(own.shape)}"
        return
    if own.dtype.kind == "f":
        finite = np.abs(own[np.isfinite(own)])
        size = min(float(finite.max(initial=0.0)), 1.0)
        wrong = ~np.isclose(other, own, rtol=TOLERANCE, atol=TOLERANCE * size, equal_nan=True)
    else:
        wrong = own != other
    if np.any(wrong):
        at = np.unravel_index(int(wrong.argmax()), wrong.shape)
        yield f"{method}: {int(wrong.sum())} of {wrong.size} differ, {other[at]!r} in place of {own[at]!r}"


def table(results: dict[str, dict[str, Outcome]]) -> str:
    """The page's table: the engine of each estimator by scale, and how many combinations were wrong."""
    tried = [outcome for scales in results.values() for outcome in scales.values() if outcome.engine]
    fast = sum(outcome.engine != "estimator" for outcome in tried)
    wrong = sum(bool(outcome.differences) for outcome in tried)
    summary = (
        f"{len(tried)} combinations of estimator and data were served, {fast} of them by a faster engine; "
        f"{wrong} had an answer that is not the estimator's own."
    )
    lines = [
        summary,
        "",
        f"| estimator | {' | '.join(SUBJECTS)} |",
        f"|---|{'---|' * len(SUBJECTS)}",
    ]
    for name, scales in results.items():
        if any(outcome.engine for outcome in scales.values()):
            lines.append(f"| `{name}` | {' | '.join(_cell(scales[subject]) for subject in SUBJECTS)} |")
    return "\n".join(lines) + "\n"


def _cell(outcome: Outcome) -> str:
    return f"**{outcome.engine}: wrong**" if outcome.differences else outcome.engine


def _swept(name: str) -> dict[str, Outcome]:
    outcomes = {}
    for subject in SUBJECTS:
        try:
            with time_limit(SECONDS):
                outcomes[subject] = sweep(name, subject)
        except TooLate:
            outcomes[subject] = Outcome("late", f"it took more than {SECONDS:g} s", ("too late",))
        except Exception as error:  # noqa: BLE001  (one that raises must not end the others)
            outcomes[subject] = Outcome("raised", "", (f"{type(error).__name__}: {error}",))
    return outcomes


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep and tell; the exit status is 1 where an answer is wrong."""
    parser = argparse.ArgumentParser(prog="python -m support.make.sweep", description=__doc__)
    parser.add_argument("names", nargs="*", help="of estimators (default all)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/estimators.md")
    parser.add_argument("--keep", type=Path, help="file of what was found, to go on with another time")
    parser.add_argument("--processes", type=int, default=2, help="that work at a time (default %(default)s)")
    options = parser.parse_args(argv)
    results = _read_results(options.keep)
    chosen = [name for name in options.names or names() if name not in results]
    say = partial(print, flush=True)
    with ProcessPoolExecutor(options.processes) as pool:
        for name, outcomes in zip(chosen, pool.map(_swept, chosen), strict=True):
            results[name] = outcomes
            for subject, outcome in outcomes.items():
                mark = "WRONG" if outcome.differences else "right" if outcome.engine else "none"
                what = "; ".join(outcome.differences) or outcome.reason
                say(f"{mark:6}{name:40}{subject:12}{outcome.engine:10} {' '.join(what.split())[:150]}")
            if options.keep is not None:
                options.keep.write_text(json.dumps(results, default=asdict))
    if options.write and not options.names:
        refresh(PAGE, "sweep", table({name: results[name] for name in names()}))
    return int(any(outcome.differences for outcomes in results.values() for outcome in outcomes.values()))


def _read_results(file: Path | None) -> dict[str, dict[str, Outcome]]:
    if file is None or not file.is_file():
        return {}
    return {
        name: {subject: Outcome(**outcome) for subject, outcome in outcomes.items()}
        for name, outcomes in json.loads(file.read_text()).items()
    }


if __name__ == "__main__":
    sys.exit(main())
