"""A model on a laptop sees neither the environment's secrets nor the home folder."""

from pathlib import Path

from modelway.cli.model_environment import model_environment

SECRETS = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "MODELWAY_HTTP_TOKEN", "KUBECONFIG", "DATABASE_URL", "http_proxy")
NEEDED = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "OMP_NUM_THREADS", "MODELWAY_TRUSTED_TYPES")


def test_a_model_gets_what_python_needs_and_no_secret(tmp_path: Path) -> None:
    caller = dict.fromkeys((*SECRETS, *NEEDED), "x") | {"HOME": "/home/me", "TMPDIR": "/tmp"}
    environment = model_environment(caller, tmp_path)
    assert set(environment) == {*NEEDED, "HOME", "TMPDIR"}
    assert {Path(environment[name]).parent for name in ("HOME", "TMPDIR")} == {tmp_path}
    assert all(Path(environment[name]).is_dir() for name in ("HOME", "TMPDIR"))
