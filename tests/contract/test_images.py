"""What the images hold, read from the lock files that they are built from."""

import re
from pathlib import Path

import pytest

from support import lock


def locked(name: str) -> dict[str, str]:
    """Name and version of everything that `requirements/<name>.lock` installs."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (lock.FOLDER / f"{name}.lock").read_text(), re.MULTILINE))


def test_the_server_image_holds_neither_kopf_nor_a_kubernetes_client() -> None:
    assert not locked("server").keys() & {"kopf", "kubernetes", "kubernetes-asyncio"}
    assert locked("server").keys() >= {"scikit-learn", "joblib", "uvicorn"}


def test_the_operator_image_holds_no_machine_learning() -> None:
    assert not locked("operator").keys() & {"scikit-learn", "numpy", "pandas", "joblib"}
    assert locked("operator").keys() >= {"kopf", "kubernetes", "pydantic"}


@pytest.mark.parametrize("name", ["operator", "server", "build"])
def test_the_images_hold_what_was_tested(name: str) -> None:
    assert locked(name).items() <= locked("dev").items()


def test_every_locked_package_has_a_hash() -> None:
    for name in lock.SELECTIONS:
        entries = re.split(r"^(?=[a-z0-9])", (lock.FOLDER / f"{name}.lock").read_text(), flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in entry for entry in entries)


def test_a_changed_requirement_makes_the_lock_files_stale(tmp_path: Path) -> None:
    changed = tmp_path / "pyproject.toml"
    changed.write_text((lock.ROOT / "pyproject.toml").read_text().replace('"PyYAML>=6.0.2"', '"PyYAML>=6.0.3"'))
    assert lock.digest_of_requirements(changed) != lock.digest_of_requirements()
    assert lock.stale() == []
