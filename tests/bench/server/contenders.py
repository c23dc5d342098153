"""The servers that are compared, and how each is started; nothing here starts one."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.server.cases import Case
from bench.server.dialects import METHOD, V2, Dialect, Tutorial, V2Binary
from bench.server.models import FOREST, LINEAR

TUTORIAL = Path(__file__).with_name("tutorial")
OURS = Path(sys.executable)
NAIVE = "naive FastAPI"
EXACT, ROUNDED = 1e-9, 1e-5
"""How far an answer may be from scikit-learn's: computed in its precision, or in float32 as the ONNX engine does."""


@dataclass(frozen=True)
class Place:
    """Where a server finds what it serves, and where it listens."""

    model: Path
    folder: Path
    port: int
    spare: tuple[int, int]
    """Further free ports."""


@dataclass(frozen=True)
class Contender:
    """One server.

    Attributes:
        name: in tables.
        models: those it is measured with.
        start: its command in a place, in which it may leave its configuration.
        json, binary: how it is asked; None where it takes no binary tensors.
        peer: whether it is somebody else's.
        prepare: the command that comes before, once for all pods, where there is one.
        environment: variables beside those of this process.
        tolerance: how far an answer may be from scikit-learn's.
        most_rows: of one request; None for any number.
    """

    name: str
    models: Sequence[str]
    start: Callable[[Place], Sequence[str]]
    json: Dialect
    binary: Dialect | None = None
    peer: bool = True
    prepare: Callable[[Place], Sequence[str]] | None = None
    environment: Callable[[Place], Mapping[str, str]] = field(default=lambda _: {})
    tolerance: float = EXACT
    most_rows: int | None = None

    def takes(self, case: Case) -> bool:
        """Whether it is measured under a load."""
        return (self.binary is not None or not case.binary) and (self.most_rows or case.rows) >= case.rows


def naive(python: Path) -> Contender:
    """FastAPI as in a tutorial, started as its documentation says."""

    def start(place: Place) -> Sequence[str]:
        return [str(python), "-m", "uvicorn", "app:app", f"--app-dir={TUTORIAL}", f"--port={place.port}"]

    def environment(place: Place) -> Mapping[str, str]:
        return {"MODEL_PATH": str(place.model)}

    return Contender(NAIVE, (FOREST, LINEAR), start, Tutorial(), environment=environment)


def mlserver(python: Path, name: str, *, workers: int = 0, batching: bool = False) -> Contender:
    """MLServer with debug and gzip off, with so many processes that predict (0: its own), maybe with adaptive batching."""

    def start(place: Place) -> Sequence[str]:
        server = {
            "debug": False,
            "gzip_enabled": False,
            "parallel_workers": workers,
            "host": "127.0.0.1",
            "http_port": place.port,
            "grpc_port": place.spare[0],
            "metrics_port": place.spare[1],
            "environments_dir": str(place.folder / "environments"),
            "metrics_dir": str(place.folder / "metrics"),
        }
        model = {
            "name": "model",
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(place.model)},
            **({"max_batch_size": 32, "max_batch_time": 0.002} if batching else {}),
        }
        (place.folder / "metrics").mkdir()
        (place.folder / "settings.json").write_text(json.dumps(server))
        (place.folder / "model-settings.json").write_text(json.dumps(model))
        return [str(python.with_name("mlserver")), "start", str(place.folder)]

    return Contender(name, (FOREST, LINEAR), start, V2())


def modelway(name: str, engine: str, tolerance: float, *, workers: int = 1, python: Path = OURS) -> Contender:
    """Our server as a pod runs it, with an engine (native computes as the model's own code does) in so many processes.

    `python` is that of the environment in which it is installed.
    """

    def start(place: Place) -> Sequence[str]:
        ports = [f"--http-port={place.port}", f"--metrics-port={place.spare[0]}"]
        options = ["--name=model", *ports, f"--workers={workers}", "--drain-seconds=0"]
        return [str(python), "-m", "modelway_server", "serve", *_folders(place), *options]

    prepare = _preparation(engine, python)
    return Contender(name, (FOREST, LINEAR), start, V2(), V2Binary(), peer=False, prepare=prepare, tolerance=tolerance)


def bare(name: str, engine: str, tolerance: float) -> Contender:
    """The same engine behind a protocol that does nothing else of what a server does."""

    def start(place: Place) -> Sequence[str]:
        return [str(OURS), "-m", "bench.server.bare", *_folders(place), f"--port={place.port}"]

    return Contender(
        name,
        (FOREST, LINEAR),
        start,
        V2(),
        peer=False,
        prepare=_preparation(engine, OURS),
        environment=lambda _: {"PYTHONPATH": str(Path(__file__).parents[2])},
        tolerance=tolerance,
        most_rows=1,
    )


def _preparation(engine: str, python: Path) -> Callable[[Place], Sequence[str]]:
    def prepare(place: Place) -> Sequence[str]:
        (place.folder / "prepared").mkdir()
        options = [f"--engine={engine}", f"--method={METHOD}"]
        return [str(python), "-m", "modelway_server", "prepare", *_folders(place), *options]

    return prepare


def _folders(place: Place) -> list[str]:
    return [f"--model-dir={place.model.parent}", f"--prepared-dir={place.folder / 'prepared'}"]
