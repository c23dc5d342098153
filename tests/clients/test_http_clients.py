"""The HTTP clients of Go and of the JDK as they are: what their users write against the server is answered."""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from sandbox.binaries.cache import cache_folder
from sandbox.binaries.progress import Progress
from sandbox.binaries.toolchain import find_go
from sandbox.errors import SandboxError
from support.models import WINE, wine_forest
from support.server.relay import relay_to
from support.server.served import Served, launch

CAP = 8 << 20
"""Bytes of a body."""
ROWS = np.tile(WINE, (500, 1))
"""So many that request and answer have more than a megabyte each."""
OLDEST_GO = (1, 22)
FIRST_JAVA_REFUSED = 20
"""From which on HttpClient takes an answer in place of 100; before, it waited for ever (JDK-8286171)."""
QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a program that runs for a moment."""

Ask = Callable[..., list[str]]
"""Asks COUNT times, so many AT ONCE; the lines of the client."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served forest."""
    server = launch(tmp_path_factory.mktemp("server"), f"--max-request-bytes={CAP}", model=wine_forest())
    yield server.started()
    server.stop()


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is sent."""
    folder = tmp_path_factory.mktemp("bodies")
    (folder / "small").write_bytes(_request(WINE[:1]))
    (folder / "large").write_bytes(_request(ROWS))
    (folder / "packed").write_bytes(gzip.compress(_request(ROWS), 1))
    with (folder / "beyond").open("wb") as file:
        file.truncate(8 * CAP + (16 << 20))  # more than the server reads of a body that it has refused
    return folder


@pytest.fixture(scope="module", params=["Go", "HttpClient", "HttpURLConnection"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """A client's name, and the command that runs it."""
    folder = tmp_path_factory.mktemp("client")
    if request.param == "Go":
        return "Go", _build_go(folder)
    return request.param, [*_build_java(folder), request.param]


@pytest.fixture
def ask(client: tuple[str, list[str]], server: Served, bodies: Path) -> Ask:
    """Have the client send a file of `bodies` to the model."""

    def ask(file: str, *words: str, count: int = 1, at_once: int = 1, base: str | None = None) -> list[str]:
        url = f"{base or server.addresses['http']}/v2/models/model/infer"
        command = [*client[1], url, str(bodies / file), str(count), str(at_once), *words]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout.splitlines()

    return ask


@pytest.mark.parametrize(
    ("file", "words"), [("small", ()), ("large", ()), ("large", ("chunks",)), ("large", ("expect",))], ids=str
)
def test_request_is_answered(ask: Ask, server: Served, bodies: Path, file: str, words: tuple[str, ...]) -> None:
    (line,) = ask(file, *words)
    assert line.split()[:2] == _expected(server, bodies / file)


def test_packed_request_has_a_packed_answer(ask: Ask, server: Served, bodies: Path) -> None:
    (line,) = ask("packed", "gzip", "chunks")
    assert line.split() == [*_expected(server, bodies / "large"), "gzip"]


def test_many_requests_share_one_connection(
    ask: Ask, server: Served, bodies: Path, client: tuple[str, list[str]]
) -> None:
    address = urlsplit(server.addresses["http"])
    with relay_to(str(address.hostname), address.port or 0) as relay:
        lines = ask("small", count=50, base=relay.address)
    assert {tuple(line.split()[:2]) for line in lines} == {tuple(_expected(server, bodies / "small"))}
    assert (len(lines), len(relay.beginnings)) == (50, 1)
    assert (b"Upgrade: h2c" in relay.beginnings[0]) == (client[0] == "HttpClient"), (
        "it offers HTTP/2, and goes on without"
    )


def test_requests_at_once_are_answered(ask: Ask, server: Served, bodies: Path) -> None:
    lines = ask("small", count=200, at_once=20)
    assert len(lines) == 200
    assert {tuple(line.split()[:2]) for line in lines} == {tuple(_expected(server, bodies / "small"))}


def test_refusal_arrives_while_the_body_is_sent(ask: Ask) -> None:
    assert [line.split()[0] for line in ask("beyond", "chunks")] == ["413"]


def test_refusal_arrives_in_place_of_100(ask: Ask, client: tuple[str, list[str]]) -> None:
    if client[0] == "HttpClient" and _java_release() < FIRST_JAVA_REFUSED:
        pytest.skip(f"HttpClient before Java {FIRST_JAVA_REFUSED} waits for ever (JDK-8286171)")
    assert [line.split()[0] for line in ask("beyond", "expect")] == ["413"]


def _request(rows: Any) -> bytes:
    tensor = {"name": "rows", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
    return json.dumps({"id": "7", "inputs": [tensor], "outputs": [{"name": "predict_proba"}]}).encode()


def _expected(server: Served, file: Path) -> list[str]:
    """What a client's line begins with: the status and the digest of the answer that Python's client gets."""
    reply = server.infer(file.read_bytes())
    return [str(reply.status), hashlib.sha256(reply.content).hexdigest()]


def _build_go(folder: Path) -> list[str]:
    try:
        go = find_go(cache_folder(), OLDEST_GO, Progress())
    except SandboxError as error:
        pytest.skip(f"there is no Go: {error}")
    program = folder / "http_client"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    environment.pop("GOROOT", None)
    source = Path(__file__).with_name("http_client.go")
    subprocess.run([go, "build", "-trimpath", "-o", program, source], check=True, env=environment, cwd=folder)
    return [str(program)]


def _build_java(folder: Path) -> list[str]:
    if shutil.which("javac") is None:
        pytest.skip("there is no JDK: javac is not on PATH")
    source = Path(__file__).with_name("HttpClients.java")
    subprocess.run(["javac", "--release", "11", "-d", folder, source], check=True)
    return ["java", *QUICK_JAVA, "-cp", str(folder), "HttpClients"]


def _java_release() -> int:
    version = subprocess.run(["java", "-version"], check=True, capture_output=True, text=True).stderr
    match = re.search(r'version "(\d+)', version)
    assert match, version
    return int(match.group(1))
