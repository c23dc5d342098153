"""The servers that are compared, and how each is started; nothing here starts one."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.server.dialects import METHOD, V2, Dialect, Tutorial, V2Binary
from bench.server.models import FOREST, LINEAR

TUTORIAL = Path(__file__).with_name("tutorial")
SERVER = (sys.executable, "-m", "modelway_server")
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


def modelway(name: str, engine: str, tolerance: float, *, workers: int = 1) -> Contender:
    """Our server as a pod runs it, with an engine (native computes as the model's own code does) in so many processes."""

    def folders(place: Place) -> list[str]:
        return [f"--model-dir={place.model.parent}", f"--prepared-dir={place.folder / 'prepared'}"]

    def prepare(place: Place) -> Sequence[str]:
        (place.folder / "prepared").mkdir()
        return [*SERVER, "prepare", *folders(place), f"--engine={engine}", f"--method={METHOD}"]

    def start(place: Place) -> Sequence[str]:
        ports = [f"--http-port={place.port}", f"--metrics-port={place.spare[0]}"]
        return [*SERVER, "serve", *folders(place), "--name=model", *ports, f"--workers={workers}", "--drain-seconds=0"]

    return Contender(name, (FOREST, LINEAR), start, V2(), V2Binary(), peer=False, prepare=prepare, tolerance=tolerance)
