"""The public clients of the protocols, unchanged and in environments of their own, against a served process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.make.environments import EnvironmentFailed, environment
from support.models import APPLICANTS, WINE, mixed_pipeline, wine_forest
from support.server.served import launch


@pytest.fixture(scope="module")
def case_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file with the addresses of two served models, and with what they answer in process."""
    directory = tmp_path_factory.mktemp("clients")
    models = {"wine": wine_forest(), "applicants": mixed_pipeline()}
    servers = {
        name: launch(directory / name, "--grpc-port=0", f"--name={name}", model=model) for name, model in models.items()
    }
    frame = APPLICANTS.dropna()[["age", "city", "member"]].head(4)
    document = {name: server.started().addresses for name, server in servers.items()} | {
        "rows": WINE[::30].tolist(),
        "predict": models["wine"].predict(WINE[::30]).tolist(),
        "predict_proba": models["wine"].predict_proba(WINE[::30]).tolist(),
        "columns": frame.to_dict("list"),
        "approved": models["applicants"].predict(frame).tolist(),
    }
    path = directory / "case.json"
    path.write_text(json.dumps(document))
    yield path
    for server in servers.values():
        server.stop()


@pytest.mark.parametrize(
    ("script", "lock"),
    [("triton_client", "clients-triton"), ("kserve_client", "clients-kserve"), ("mlserver_client", "bench-mlserver")],
)
def test_a_public_client_works_unchanged(
    script: str, lock: str, case_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        with capfd.disabled():
            python = environment(lock, lambda line: sys.stdout.write(f"\n{line}\n"))
    except EnvironmentFailed as error:
        if error.unreachable:
            pytest.skip(f"the package registry cannot be reached: {error}")
        raise
    command = [python, Path(__file__).with_name(f"{script}.py"), case_file]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "is content" in ended.stdout
