"""The lock files: compiled from pyproject.toml, for development, building, images, further formats, and environments and programs of tests.

`python -m support.make.lock` compiles them with uv, `--check` says offline whether pyproject.toml has moved since. Each file's
first line holds the digest of what it was compiled from.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "requirements"
SELECTIONS = {
    "dev": ("pyproject.toml", "--extra", "all", "--group", "dev"),
    "build": ("pyproject.toml", "--group", "build"),
    "operator": ("pyproject.toml", "--extra", "operator"),
    "server": ("pyproject.toml", "--extra", "server", "--extra", "skops", "--extra", "tracing"),
    "formats/lightgbm": ("pyproject.toml", "--extra", "lightgbm"),
    "formats/pytorch": ("pyproject.toml", "--extra", "pytorch"),
    "formats/tensorflow": ("pyproject.toml", "--extra", "tensorflow"),
    "formats/xgboost": ("pyproject.toml", "--extra", "xgboost"),
    "frameworks-mlflow": (
        *("pyproject.toml", "--extra", "server", "--extra", "skops", "--extra", "xgboost", "--extra", "lightgbm"),
        *("--group", "frameworks", "--group", "frameworks-mlflow"),
    ),
    "frameworks-pytorch": ("pyproject.toml", "--extra", "server", "--extra", "pytorch", "--group", "frameworks"),
    "frameworks-tensorflow": ("pyproject.toml", "--extra", "server", "--extra", "tensorflow", "--group", "frameworks"),
    "bench-naive": ("--group", "bench-naive"),
    "bench-mlserver": ("--group", "bench-mlserver"),
    "clients-kserve": ("--group", "clients-kserve"),
    "clients-triton": ("--group", "clients-triton"),
    "scikit-learn-1.7": ("--group", "scikit-learn-1.7"),
    "scikit-learn-1.8": ("--group", "scikit-learn-1.8"),
    "envoy": ("--group", "envoy"),
    "go": ("--group", "go"),
}
"""What each lock file is compiled from; those of `formats` are what a server image gets beside server.lock where it is asked for."""

PEERS: dict[str, set[str]] = {
    "bench-naive": {"joblib", "scikit-learn"},
    "bench-mlserver": {"joblib", "scikit-learn"},
    "clients-kserve": set(),
    "clients-triton": set(),
    "scikit-learn-1.7": set(),
    "scikit-learn-1.8": set(),
    "envoy": set(),
    "go": set(),
}
"""Locks that share with development only the versions of these packages; all others share all of them."""

HEADER = "# Compiled by `make lock`; compiled from sha256:"


def version_of(package: str, name: str) -> str:
    """The version of a package in requirements/NAME.lock."""
    match = re.search(rf"^{re.escape(package)}==(\S+)", (FOLDER / f"{name}.lock").read_text(), re.MULTILINE)
    assert match, f"{name}.lock lacks {package}"
    return match.group(1)


def digest_of_requirements(pyproject: Path = ROOT / "pyproject.toml") -> str:
    """The SHA-256 of every table of pyproject.toml that decides what is installed."""
    table: dict[str, Any] = tomllib.loads(pyproject.read_text())
    project = table["project"]
    relevant = [
        project["requires-python"],
        project["dependencies"],
        project["optional-dependencies"],
        table["dependency-groups"],
    ]
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def stale(folder: Path = FOLDER) -> list[str]:
    """The lock files that were not compiled from today's pyproject.toml."""
    header = HEADER + digest_of_requirements()
    files = [folder / f"{name}.lock" for name in SELECTIONS]
    return [
        str(file.relative_to(folder.parent))
        for file in files
        if not file.is_file() or header not in file.read_text().splitlines()[:1]
    ]


def compile_all(*, upgrade: bool = False) -> None:
    """Compile every lock; the images get the versions that development was tested with.

    Raises:
        subprocess.CalledProcessError: uv found no set of versions, or no registry.
    """
    for name in SELECTIONS:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as shared:
            shared.write(_versions_for(name))
            shared.flush()
            _compile(name, shared.name, upgrade=upgrade and name == "dev")


def _versions_for(name: str) -> str:
    """The versions of development that a lock is held to."""
    if name == "dev":
        return ""
    versions = re.findall(r"^[\w.-]+==.*$", (FOLDER / "dev.lock").read_text(), re.MULTILINE)
    wanted = PEERS.get(name)
    lines = [line.removesuffix(" \\") for line in versions if wanted is None or line.partition("==")[0] in wanted]
    return "\n".join(lines)


def _compile(name: str, constraint: str, *, upgrade: bool) -> None:
    target = FOLDER / f"{name}.lock"
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += [
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--no-annotate",
        "--output-file",
        str(target),
    ]
    command += ["--constraint", constraint, *(["--upgrade"] if upgrade else []), *SELECTIONS[name]]
    subprocess.run(command, cwd=ROOT, check=True)
    target.write_text(f"{HEADER}{digest_of_requirements()}\n{target.read_text()}")


def main() -> int:
    """Compile, or check with `--check`; the exit code is 1 when a lock file is stale."""
    parser = argparse.ArgumentParser(prog="python -m support.make.lock", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compile nothing, only say whether the files are fresh")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    arguments = parser.parse_args()
    if not arguments.check:
        compile_all(upgrade=arguments.upgrade)
        return 0
    files = stale()
    for file in files:
        sys.stderr.write(f"{file} is older than pyproject.toml: run `make lock` and commit the result\n")
    return 1 if files else 0


if __name__ == "__main__":
    sys.exit(main())
