"""Load a model, try it, and choose its engine. The child process of `prepare` does this work."""

import logging
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modelway_server.artifacts.record import EXAMPLE_FILE, SAMPLE_FILES, digest_of, locate_model
from modelway_server.engines.batch_choice import BatchProbe, record_batching, with_batching
from modelway_server.engines.folder import SEARCHING
from modelway_server.engines.load import load_engine
from modelway_server.engines.parity import difference, read_samples
from modelway_server.engines.plan.plan import NotCovered, discard
from modelway_server.engines.prepared import Prepared, plain_row
from modelway_server.engines.sample_rows.example import MADE_UP, Example, choose_example
from modelway_server.engines.sample_rows.proof import NoProof, Proof
from modelway_server.engines.time_limit import time_limit
from modelway_server.errors import EngineUnavailable, InvalidArtifact, LoadFailed, describe, words
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.base import Breakpoints, Runtime, as_breakpoint_source, as_estimator_holder
from modelway_server.settings import FULL, INT8, ModelSettings

MAX_REASON = 300
"""Characters of a reason, which is a label of a metric."""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """An engine that may take the model's place.

    Attributes:
        engine: its name.
        how: how it is built, as a phrase.
        build: writes its files into a folder, and returns the document that `serve` starts from.
    """

    engine: str
    how: str
    build: Callable[[Prepared, Path], Prepared]


def prepare_model(chosen: ModelSettings, directory: Path, *, seconds: float = 60.0, ended: str = "") -> dict[str, Any]:
    """Fill the folder that `serve` starts from, and return the decision for the log.

    Args:
        chosen: the model and its settings.
        directory: the folder.
        seconds: the limit for building and proving one engine, so that the model itself is not late.
        ended: how the last search for a faster engine ended its process, if that is known.

    Raises:
        LoadFailure: the model cannot be served with these settings.
    """
    path = locate_model(chosen.model_dir)
    digest = digest_of(chosen.model_dir)
    takes_native = chosen.engine != "onnx" and chosen.precision == FULL
    try:
        prepared = _recover_native(directory, digest, ended) if takes_native else None
        if prepared is None:
            prepared = _prepare(chosen, directory, path, digest, seconds)
        prepared.write(directory)
    finally:  # only a killed process leaves the file behind
        (directory / SEARCHING).unlink(missing_ok=True)
    decision = {"format": prepared.platform, "engine": prepared.engine, "engine_reason": prepared.reason}
    return decision | prepared.description


def _recover_native(directory: Path, digest: str, ended: str) -> Prepared | None:
    """Return the model's own engine if the last search for a faster one ended its process, else None."""
    try:
        native = Prepared.read(directory, SEARCHING)
    except LoadFailed:
        return None
    if native.digest != digest:
        return None
    why = f"looking for a faster engine ended the process: {ended or 'it was killed'}"[:MAX_REASON]
    return record_batching(replace(native, reason=why), why)


def _prepare(chosen: ModelSettings, directory: Path, path: Path, digest: str, seconds: float) -> Prepared:
    runtime = load_runtime(path, format=chosen.format, method=chosen.method, trusted_types=chosen.trusted_types)
    runtime.warm_up()
    native = Prepared(
        digest=digest,
        format=chosen.format,
        platform=runtime.platform,
        engine=runtime.engine,
        reason="it is the model's own",
        methods=runtime.methods,
        signature=runtime.signature,
        description=runtime.description,
        example=plain_row(runtime.example()),
    )
    choice = _Choice(chosen, directory, runtime, native, seconds)
    if chosen.precision == INT8:
        from modelway_server.engines.eight_bits import quantise_model  # noqa: PLC0415  (onnxruntime's tools: 0.7 s)

        prepared = quantise_model(chosen, directory, runtime, native)
    else:
        native.write(directory, SEARCHING)
        prepared = with_batching(choice.choose(), choice.batch_probe())
    example = choice.example(prepared.example)
    return replace(prepared, example=example.row, description=prepared.description | {"example": example.origin})


class _Choice:
    """The choice of one model's engine."""

    def __init__(
        self,
        chosen: ModelSettings,
        directory: Path,
        runtime: Runtime,
        native: Prepared,
        seconds: float,
    ) -> None:
        self._seconds = seconds
        self._chosen = chosen
        self._directory = directory
        self._path = locate_model(chosen.model_dir)
        self._runtime = runtime
        self._native = native
        self._user_samples = [] if chosen.samples is None else read_samples(chosen.samples, native.signature)
        self._proof = Proof(
            runtime, native, lambda: self._user_samples or self._samples(), tolerance=chosen.tolerance, seconds=seconds
        )
        self._objection, self._was_tried = "", False
        self._engine = runtime

    def batch_probe(self) -> BatchProbe:
        """Return the probe that decides whether the chosen engine may join rows of several requests."""
        return BatchProbe(
            engine=self._engine,
            estimator=getattr(self._runtime, "estimator", None),
            draw=lambda: [*self._proof.drawn, *self._samples()],
            seed=self._proof.seed,
            tolerance=self._chosen.tolerance,
            seconds=self._seconds,
        )

    def example(self, plain: Any) -> Example:
        """Choose a row to show to people, which the model itself answers. The row of the warm-up is the last resort."""
        try:
            return choose_example(self._runtime, plain, self._breakpoints(), self._samples((EXAMPLE_FILE,)))
        except Exception as error:
            _LOGGER.info("the example stays the row of the warm-up", exc_info=error)
            return Example(plain, MADE_UP)

    def _breakpoints(self) -> Breakpoints:
        """Return the values at which the model may change its answers; none if they cannot be read."""
        signature, holder = self._native.signature, as_estimator_holder(self._runtime)
        try:
            if holder is not None:
                from modelway_server.engines.sample_rows.breakpoints import breakpoints_of  # noqa: PLC0415  (scikit-learn)

                return self._proof.breakpoints | {
                    k: v for k, v in breakpoints_of(holder.estimator, signature).items() if v
                }
            source = as_breakpoint_source(self._runtime)
            return {} if source is None else source.breakpoints()
        except Exception as error:
            _LOGGER.info("the model's breakpoints cannot be read", exc_info=error)
            return {}

    def choose(self) -> Prepared:
        """Choose the first candidate that gives the model's own answers, or the model itself if none does.

        Raises:
            EngineUnavailable: the settings require another engine.
        """
        if self._runtime.engine == "onnx":
            return self._native
        try:
            prepared = self._find_engine()
        except Exception as error:
            _LOGGER.warning("no faster engine is looked for any more", exc_info=error)
            prepared = None
            self._objection = f"a faster one: looking for it failed ({describe(error)})"[:MAX_REASON]
        if prepared is not None:
            return prepared
        if self._chosen.engine == "onnx":
            raise EngineUnavailable(
                f"the model cannot be evaluated by onnx: {self._objection or 'its format is not converted'}"
            )
        return replace(self._native, reason=f"not {self._objection}") if self._objection else self._native

    def _find_engine(self) -> Prepared | None:
        """Return the first candidate that gives the model's own answers. The model answers no row before an engine is built."""
        for candidate in _candidates(self._runtime, self._chosen.engine, _size(self._path)):
            try:
                prepared = self._prove(candidate)
            except NoProof as error:
                discard(self._directory)
                self._objection = f"a faster one: {error}"[:MAX_REASON]
                return None
            if prepared is not None:
                return prepared
            discard(self._directory)
        return None

    def _prove(self, candidate: Candidate) -> Prepared | None:
        """Build an engine and return its document if it gives the model's own answers, else None.

        Raises:
            NoProof: no rows can tell the engine from the model.
        """
        was_tried = True
        try:
            with time_limit(self._seconds):
                prepared = candidate.build(self._native, self._directory)
                loading = self._load(prepared)
                objection = self._difference(loading)
            if objection is None:
                self._engine = loading.result()
                reason = f"it gives the model's own answers on {len(self._proof.rows)} rows ({candidate.how})"
                return replace(prepared, reason=reason)
        except NoProof:
            raise
        except NotCovered as error:
            objection, was_tried = words(error), False
        except Exception as error:
            _LOGGER.info("%s cannot be used", candidate.engine, exc_info=error)
            objection = describe(error)
        _LOGGER.info("the engine %s is not taken: %s", candidate.engine, objection, extra={"how": candidate.how})
        if was_tried or not self._was_tried:  # the objection to an engine that was tried says more
            self._objection, self._was_tried = (
                f"{candidate.engine} ({candidate.how}): {objection}"[:MAX_REASON],
                was_tried,
            )
        return None

    def _load(self, prepared: Prepared) -> "Future[Runtime]":
        """Begin to load an engine. onnxruntime takes most of that time, without the interpreter."""
        beside = ThreadPoolExecutor(1)
        loading = beside.submit(load_engine, prepared, self._path, self._directory, self._chosen.trusted_types)
        beside.shutdown(wait=False)
        return loading

    def _difference(self, loading: "Future[Runtime]") -> str | None:
        """Say where an engine answers otherwise than the model, which answers while the engine is loaded."""
        proof = self._proof
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # rows are odd on purpose
            rows, expected, alone = proof.rows, proof.expected, proof.alone
            engine = loading.result()
            engine.warm_up()
            return difference(expected, alone, engine, rows, self._chosen.tolerance)

    def _samples(self, names: tuple[str, ...] = SAMPLE_FILES) -> list[Any]:
        """Read the user's rows beside the model; skip files that cannot be read."""
        folder = self._path if self._path.is_dir() else self._path.parent
        rows: list[Any] = []
        for file in (folder / name for name in names):
            try:
                rows += read_samples(file, self._native.signature) if file.is_file() else []
            except InvalidArtifact as failure:
                _LOGGER.warning("%s", failure.message)
        return rows


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")))


def _candidates(runtime: Runtime, wanted: str, size: int) -> Iterator[Candidate]:
    """Yield the engines that may take the model's place, the fastest first."""
    holder = as_estimator_holder(runtime)
    if holder is None:
        return
    from modelway_server.engines import candidates  # noqa: PLC0415  (scikit-learn)

    for engine, how, build in candidates.candidates_of(holder.estimator, wanted, size=size):
        yield Candidate(engine, how, build)
