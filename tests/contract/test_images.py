"""What the images hold, read from the lock files that they are built from."""

import re
from pathlib import Path

import pytest

from support.make import lock, pip_settings


def locked_versions(name: str) -> dict[str, str]:
    """Name and version of everything that `requirements/<name>.lock` installs."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (lock.FOLDER / f"{name}.lock").read_text(), re.MULTILINE))


def test_server_image_holds_no_kopf_and_no_kubernetes_client() -> None:
    assert not locked_versions("server").keys() & {"kopf", "kubernetes", "kubernetes-asyncio"}
    assert locked_versions("server").keys() >= {
        "scikit-learn",
        "joblib",
        "httptools",
        "skops",
        "onnxruntime",
        "skl2onnx",
        "grpcio",
    }


def test_server_image_holds_no_protoc_and_no_further_format() -> None:
    assert not locked_versions("server").keys() & {
        "grpcio-tools",
        "xgboost",
        "xgboost-cpu",
        "lightgbm",
        "torch",
        "tensorflow",
    }


def test_the_operator_image_holds_no_machine_learning() -> None:
    assert not locked_versions("operator").keys() & {"scikit-learn", "numpy", "pandas", "joblib"}
    assert locked_versions("operator").keys() >= {"kopf", "kubernetes", "pydantic"}


@pytest.mark.parametrize("name", ["operator", "server", "build", "formats/lightgbm", "formats/xgboost"])
def test_the_images_hold_what_was_tested(name: str) -> None:
    assert locked_versions(name).items() <= locked_versions("dev").items()


@pytest.mark.parametrize("name", [name for name in lock.SELECTIONS if name.startswith("formats/")])
def test_a_further_format_changes_no_version_of_the_server(name: str) -> None:
    further = locked_versions(name)
    assert {
        package: further[package] for package in further.keys() & locked_versions("server").keys()
    }.items() <= locked_versions("server").items()


def test_every_locked_package_has_a_hash() -> None:
    for name in lock.SELECTIONS:
        entries = re.split(r"^(?=[a-z0-9])", (lock.FOLDER / f"{name}.lock").read_text(), flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in entry for entry in entries)


def test_a_changed_requirement_makes_the_lock_files_stale(tmp_path: Path) -> None:
    changed = tmp_path / "pyproject.toml"
    changed.write_text((lock.ROOT / "pyproject.toml").read_text().replace('"PyYAML>=6.0.2"', '"PyYAML>=6.0.3"'))
    assert lock.digest_of_requirements(changed) != lock.digest_of_requirements()
    assert lock.stale() == []


def test_build_gets_the_pip_settings_in_force() -> None:
    listing = """:env:.index-url='https://user:secret@mirror.example/simple'
:env:.find-links='/opt/wheels'
global.cert='/etc/ssl/company.pem'
global.index-url='https://other.example/simple'
global.trusted-host='a.example\\nb.example'
"""
    settings = pip_settings.parse(listing)
    assert settings["index-url"] == "https://user:secret@mirror.example/simple"
    assert pip_settings.pip_conf(settings).splitlines() == [
        "[global]",
        "index-url = https://user:secret@mirror.example/simple",
        "trusted-host = a.example",
        "    b.example",
    ]


def test_build_gets_the_authorities_that_pip_trusts(tmp_path: Path) -> None:
    own, usual = tmp_path / "own.pem", tmp_path / "usual.pem"
    own.write_bytes(b"own")
    usual.write_bytes(b"usual")
    assert pip_settings.authorities({"cert": str(own)}, {"SSL_CERT_FILE": str(usual)}) == b"own"
    assert pip_settings.authorities({}, {"SSL_CERT_FILE": str(usual)}) == b"usual"
    assert pip_settings.authorities({"cert": str(tmp_path / "none")}, {}) == b""


@pytest.mark.parametrize("folder", ["operator", "serving_image"])
def test_lent_pip_settings_stay_out_of_the_image(folder: str) -> None:
    """Pip's settings come as secrets, in the steps that download; nothing of the image's own stage knows them."""
    text = (lock.ROOT / folder / "Dockerfile").read_text().replace("\\\n", " ")
    downloads = [line for line in text.splitlines() if "pip" in line and "--require-hashes" in line]
    assert len(downloads) == (3 if folder == "serving_image" else 2)
    assert all(line.startswith("RUN --mount=type=secret,id=pip --mount=type=secret,id=ca ") for line in downloads)
    final = text.rpartition("FROM ")[2]
    assert not re.search(r"/run/secrets|(?i:index|proxy|cert)", final)
