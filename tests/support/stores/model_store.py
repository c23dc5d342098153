"""A folder of model files that pods of the sandbox fetch over http, as a fixture."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import joblib
import pytest


@dataclass(frozen=True)
class ModelStore:
    """Files on this machine, and where pods find them."""

    directory: Path
    address: str

    def put(self, path: str, model: Any) -> str:
        """Save a model by joblib; its URI."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, file)
        return self.uri(path)

    def uri(self, path: str) -> str:
        """The URI of a file, there or not."""
        return f"{self.address}/{path}"


FORBIDDEN = "forbidden"
"""A folder of the store that nobody may read."""


class Quiet(SimpleHTTPRequestHandler):
    """Sends files, and logs nothing."""

    def send_head(self) -> Any:
        """Refuse the forbidden folder, and send every other file."""
        if self.path.startswith(f"/{FORBIDDEN}/"):
            return self.send_error(403)
        return super().send_head()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep the test's output clean."""


@pytest.fixture(scope="session")
def model_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelStore]:
    """A store on loopback for the whole session."""
    with serve_folder(tmp_path_factory.mktemp("models")) as store:
        yield store


@contextmanager
def serve_folder(directory: Path) -> Iterator[ModelStore]:
    """A store of the files in a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ModelStore(directory, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
