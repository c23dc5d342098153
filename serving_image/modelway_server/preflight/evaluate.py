"""Evaluate a prepared model on labelled rows, against limits and against the stable model.

Every step is a child process of its own. One reads the rows; each model answers them, and never sees the right
answers; one more computes the metrics.
"""

import gzip
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelway_server.artifacts.record import digest_of
from modelway_server.errors import InvalidDataset, StorageFull, Verdict
from modelway_server.evaluation.wish import Wish
from modelway_server.preflight.child import Deadline, Material, PreparedModel, ask, run_walled
from modelway_server.process.readable import readable_paths
from modelway_server.process.walled import temporary_folder

if TYPE_CHECKING:
    from modelway_server.dataplane.plane import DataPlane
    from modelway_server.evaluation.report import Report

_ROWS: Final = "rows"
_NO_DATASET: Final = "Name the folder of the fetched dataset in --dataset-dir."
_VERDICTS: Final = {kind.__name__: kind for kind in Verdict.__subclasses__()}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What an evaluation found.

    Attributes:
        rows: of the dataset.
        message: in one sentence.
        skipped: why some limits were not judged.
        criteria: every limit on every part of the rows, as JSON.
        compact: the same for a termination message, the most important first.
        failure: why the model is refused; None where it is not.
    """

    rows: int
    message: str
    skipped: Sequence[str]
    criteria: Sequence[Mapping[str, Any]]
    compact: Sequence[Mapping[str, Any]]
    failure: Verdict | None


def evaluate(document: Mapping[str, Any], material: Material, deadline: Deadline) -> Findings:
    """Evaluate the candidate.

    Args:
        document: spec.preflight.evaluation.
        material: the candidate, the dataset, and the stable model, which is asked only where the document compares with it.
        deadline: of the preflight.

    Raises:
        InvalidDataset: the dataset, or what the document demands, cannot be used.
        LoadFailure: a model cannot be asked.
    """
    wish = Wish.from_document(document)
    candidate, stable, dataset_dir = material.candidate, material.stable, material.dataset_dir
    if dataset_dir is None:
        raise InvalidDataset("there is spec.preflight.evaluation, and no dataset", remedy=_NO_DATASET)
    with temporary_folder() as folder:
        for name in (_ROWS, "candidate", "stable"):
            (folder / name).mkdir()
        _keep_rows(wish, dataset_dir, folder / _ROWS, deadline)
        _keep_answers(candidate, folder / _ROWS, folder / "candidate", deadline)
        if stable is not None and wish.compares:
            _keep_answers(stable, folder / _ROWS, folder / "stable", deadline)
        seed = f"{digest_of(candidate.model_dir)} {digest_of(dataset_dir)}"
        return _judge(wish, dataset_dir, folder, seed, deadline)


def _keep_rows(wish: Wish, dataset_dir: Path, folder: Path, deadline: Deadline) -> None:
    """Keep the rows without their targets."""

    def work() -> dict[str, Any]:
        from modelway_server.evaluation.dataset import read_dataset  # noqa: PLC0415  (in the child alone)

        rows = read_dataset(dataset_dir, wish).without_answers(wish)
        with _storing(), gzip.open(folder / _ROWS, "wb", compresslevel=1) as file:
            pickle.dump(rows, file)
        return {}

    read = readable_paths(dataset_dir)
    run_walled(work, deadline, read=read, write=[folder], late="the dataset had not been read")


def _keep_answers(model: PreparedModel, rows: Path, folder: Path, deadline: Deadline) -> None:
    def work(plane: "DataPlane") -> dict[str, Any]:
        from modelway_server.evaluation.answers import answers_of  # noqa: PLC0415  (in the child alone)
        from modelway_server.preflight.stored_answers import write_answers  # noqa: PLC0415  (as above)

        with gzip.open(rows / _ROWS, "rb") as file:
            dataset = pickle.load(file)  # noqa: S301  (of `_keep_rows`, which runs no model)
        answers = answers_of(plane.runtime, dataset)
        with _storing():
            write_answers(answers, folder)
        return {}

    ask(model, work, deadline, read=[rows], write=[folder])


@contextmanager
def _storing() -> Iterator[None]:
    """Name the cause where rows or answers do not fit."""
    try:
        yield
    except OSError as error:
        raise StorageFull(
            f"the rows of the dataset, or the answers to them, cannot be kept in the folder for temporary files: {error.strerror}",
            remedy="Give the evaluation fewer rows: a sample of them.",
        ) from error


def _judge(wish: Wish, dataset_dir: Path, folder: Path, seed: str, deadline: Deadline) -> Findings:
    def work() -> dict[str, Any]:
        from modelway_server.evaluation.dataset import read_dataset  # noqa: PLC0415  (in the child alone)
        from modelway_server.evaluation.gate import judge  # noqa: PLC0415  (as above)
        from modelway_server.preflight.stored_answers import read_answers  # noqa: PLC0415  (as above)

        candidate = read_answers(folder / "candidate")
        stable = read_answers(folder / "stable") if any((folder / "stable").iterdir()) else None
        return _as_json(judge(wish, read_dataset(dataset_dir, wish), candidate, stable, seed))

    read = [*readable_paths(dataset_dir), folder]
    return _findings(run_walled(work, deadline, read=read, late="the metrics had not been computed"))


def _as_json(report: "Report") -> dict[str, Any]:
    failure = report.failure()
    refusal = None if failure is None else [failure.reason, failure.message, failure.remedy]
    return {"report": report.document(), "compact": report.compact(), "failure": refusal}


def _findings(document: Mapping[str, Any]) -> Findings:
    report, failure = document["report"], document["failure"]
    return Findings(
        rows=report["rows"],
        message=report["message"],
        skipped=report["skipped"],
        criteria=report["criteria"],
        compact=document["compact"],
        failure=None if failure is None else _VERDICTS[failure[0]](failure[1], remedy=failure[2]),
    )
