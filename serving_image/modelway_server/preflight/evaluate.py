"""Evaluate a prepared model on labelled rows, against limits and against the stable model.

Each model answers the rows in a child process of its own, and never sees the right answers. One more child, the gate,
reads the rows and computes the metrics. It works beside a model where the container's memory has room for both.
"""

import gzip
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelway_server.artifacts.record import digest_of
from modelway_server.errors import LOAD_FAILURES, InvalidDataset, LoadCrashed, LoadFailure, StorageFull
from modelway_server.evaluation.wish import Wish
from modelway_server.preflight.child import Deadline, Material, PreparedModel, Task, WalledChild, start_walled
from modelway_server.process.child import memory_limit
from modelway_server.process.readable import readable_paths
from modelway_server.process.temporary import temporary_folder

if TYPE_CHECKING:
    from modelway_server.dataplane.plane import DataPlane
    from modelway_server.evaluation.answers import Answers
    from modelway_server.evaluation.contest import Judgement

_ROWS, _CANDIDATES, _STABLE = "rows", "candidates", "stable"
"""Folders of what the models are asked, and of their answers."""
_COPIES_OF_MODEL, _COPIES_OF_CSV, _COPIES_OF_PARQUET, _LIBRARIES = 3, 20, 100, 512 << 20
"""What a model and the gate take at most together: of their files the multiples, and the bytes of their libraries."""
_PARQUET: Final = b"PAR1"
_NO_DATASET: Final = "Name the folder of the fetched dataset in --dataset-dir."
_FAILURES: Final = {kind.__name__: kind for kind in LOAD_FAILURES}


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
        value: of the first metric on all rows; None where there is none.
        low: lower end of its interval; None where there is none.
        high: its upper end.
    """

    rows: int
    message: str
    skipped: Sequence[str]
    criteria: Sequence[Mapping[str, Any]]
    compact: Sequence[Mapping[str, Any]]
    failure: LoadFailure | None
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Results:
    """What an evaluation found of all models that answered.

    Attributes:
        findings: by the name of the model; a failure alone where it cannot be judged.
        least: of a model and a better one, the least difference of the first metric.
    """

    findings: Mapping[str, "Findings | LoadFailure"]
    least: Mapping[tuple[str, str], float]


class Evaluation:
    """An evaluation under way.

    Args:
        wish: what is asked of the candidate.
        folder: for the rows and the answers.
        gate: the child process.
        has_room: whether it may work while a model is in memory.
    """

    def __init__(self, wish: Wish, folder: Path, gate: WalledChild, *, has_room: bool) -> None:
        self._wish, self._folder, self._gate, self._has_room = wish, folder, gate, has_room
        self._is_read = False
        gate.begin()
        if has_room:
            gate.begin()  # so that it gets ready as soon as it has read the rows
        else:
            gate.wait()

    @property
    def compares(self) -> bool:
        """Whether a limit takes the answers of the stable model."""
        return self._wish.compares

    @property
    def wish(self) -> Wish:
        """What is asked of the candidates."""
        return self._wish

    def task(self, model: PreparedModel) -> Task:
        """The task of a candidate to answer the rows."""
        return self._task(self._folder / _CANDIDATES / model.name)

    def task_of_stable(self) -> Task:
        """The task of the stable model to answer the rows."""
        return self._task(self._folder / _STABLE)

    def _task(self, answers: Path) -> Task:
        rows = self._folder / _ROWS
        answers.mkdir()
        scorers = [metric.name for metric in self._wish.metrics]
        return Task(work=lambda plane: _keep_answers(plane, scorers, rows, answers), read=(rows,), write=(answers,))

    def finish_reading(self) -> None:
        """Wait for the rows, before the first model is asked.

        Raises:
            InvalidDataset: the dataset cannot be used.
        """
        if self._is_read:
            return
        self._is_read = True
        try:
            self._gate.result()
        except LoadCrashed as crash:  # a reader in machine code, of a damaged file
            raise InvalidDataset("the reader of the dataset crashed; the file may be damaged: save it anew") from crash

    def judge(self) -> Results:
        """Judge the answers of the models, which have ended.

        Raises:
            InvalidDataset: what the document demands cannot be judged by them.
        """
        if not self._has_room:
            self._gate.begin()
        self._gate.result()
        return _results(self._gate.step())


@contextmanager
def begin_evaluation(
    document: Mapping[str, Any] | None, material: Material, deadline: Deadline
) -> Iterator[Evaluation | None]:
    """Begin to evaluate the candidate, if that is asked for.

    Args:
        document: spec.preflight.evaluation.
        material: the models and the dataset.
        deadline: of the preflight.

    Raises:
        InvalidDataset: what the document demands cannot be used.
    """
    if document is None:
        yield None
        return
    wish, dataset_dir = Wish.from_document(document), material.dataset_dir
    if dataset_dir is None:
        raise InvalidDataset("there is spec.preflight.evaluation, and no dataset", remedy=_NO_DATASET)
    with temporary_folder() as folder:
        for name in (_ROWS, _CANDIDATES):
            (folder / name).mkdir()
        digest, count = digest_of(material.candidate.model_dir), len(material.contestants)
        steps = partial(_gate_steps, wish, dataset_dir, folder, digest, count)
        read, write = [*readable_paths(dataset_dir), folder], [folder / _ROWS]
        with start_walled(steps, deadline, read=read, write=write, late="the evaluation had not ended") as gate:
            yield Evaluation(wish, folder, gate, has_room=_has_room(material, dataset_dir))


def _has_room(material: Material, dataset_dir: Path) -> bool:
    """Whether the memory of this container holds a model and the gate at once."""
    limit = memory_limit()
    models = [each for each in (*material.contestants, material.stable) if each is not None]
    model = max(_size(each.model_dir) + _size(each.prepared_dir) for each in models)
    taken = _COPIES_OF_MODEL * model + _unpacked_size(dataset_dir) + _LIBRARIES
    return limit is None or taken <= limit


def _unpacked_size(folder: Path) -> int:
    """What the rows of a dataset take at most in memory."""
    total = 0
    for path in filter(Path.is_file, folder.rglob("*")):
        with path.open("rb") as file:
            copies = _COPIES_OF_PARQUET if file.read(len(_PARQUET)) == _PARQUET else _COPIES_OF_CSV
        total += copies * path.stat().st_size
    return total


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _gate_steps(wish: Wish, dataset_dir: Path, folder: Path, digest: str, count: int) -> Iterator[dict[str, Any]]:
    """Keep the rows without their targets; get ready; judge the answers."""
    from modelway_server.evaluation.dataset import read_dataset  # noqa: PLC0415  (in the child alone)

    dataset = read_dataset(dataset_dir, wish)
    with _storing(), gzip.open(folder / _ROWS / _ROWS, "wb", compresslevel=1) as file:
        pickle.dump(dataset.without_answers(wish), file)
    dataset = replace(dataset, columns={})  # for models alone
    yield {}
    from modelway_server.runtimes.lean_imports import import_sklearn  # noqa: PLC0415  (in the child alone)

    import_sklearn()
    from modelway_server.evaluation.contest import hold_contest  # noqa: PLC0415  (scikit-learn: a second or two)
    from modelway_server.preflight.stored_answers import read_answers  # noqa: PLC0415  (in the child alone)

    seed = f"{digest} {digest_of(dataset_dir)}"
    yield {}
    stable = read_answers(folder / _STABLE) if (folder / _STABLE).exists() else None
    answers, failures = _read_all(folder / _CANDIDATES)
    contest = hold_contest(wish, dataset, answers, stable, seed, count=count)
    judgements = {name: _as_json(judgement) for name, judgement in contest.judgements.items()}
    yield {
        "judgements": judgements | {name: {"failure": _refusal(failure)} for name, failure in failures.items()},
        "least": [[*pair, least] for pair, least in contest.least.items()],
    }


def _read_all(folder: Path) -> tuple[dict[str, "Answers"], dict[str, LoadFailure]]:
    """The answers of all candidates that gave any, and why some cannot be read."""
    from modelway_server.preflight.stored_answers import is_written, read_answers  # noqa: PLC0415  (in the child alone)

    answers: dict[str, Answers] = {}
    failures: dict[str, LoadFailure] = {}
    for one in sorted(folder.iterdir()):
        try:
            if is_written(one):
                answers[one.name] = read_answers(one)
        except LoadFailure as failure:
            failures[one.name] = failure
    return answers, failures


def _keep_answers(plane: "DataPlane", scorers: Sequence[str], rows: Path, folder: Path) -> dict[str, Any]:
    from modelway_server.evaluation.answers import answers_of  # noqa: PLC0415  (in the child alone)
    from modelway_server.preflight.stored_answers import write_answers  # noqa: PLC0415  (as above)

    with gzip.open(rows / _ROWS, "rb") as file:
        dataset = pickle.load(file)  # noqa: S301  (of the gate, which runs no model)
    answers = answers_of(plane.runtime, dataset, scorers)
    with _storing():
        write_answers(answers, folder)
    return {}


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


def _as_json(judgement: "Judgement") -> dict[str, Any]:
    report, failure = judgement.report, judgement.failure
    document: dict[str, Any] = {"failure": None if failure is None else _refusal(failure)}
    if report is not None:
        interval = {"value": judgement.value, "low": judgement.low, "high": judgement.high}
        document |= {"report": report.document(), "compact": report.compact(), **interval}
    return document


def _refusal(failure: LoadFailure) -> list[str]:
    return [failure.reason, failure.message, failure.remedy]


def _results(document: Mapping[str, Any]) -> Results:
    findings = {name: _findings(judgement) for name, judgement in document["judgements"].items()}
    return Results(findings=findings, least={(one, other): least for one, other, least in document["least"]})


def _findings(document: Mapping[str, Any]) -> Findings | LoadFailure:
    reason, message, remedy = document["failure"] or ("", "", "")
    failure = _FAILURES[reason](message, remedy=remedy) if reason else None
    if "report" not in document:
        assert failure is not None
        return failure
    report = document["report"]
    return Findings(
        rows=report["rows"],
        message=report["message"],
        skipped=report["skipped"],
        criteria=report["criteria"],
        compact=document["compact"],
        failure=failure,
        value=document["value"],
        low=document["low"],
        high=document["high"],
    )
