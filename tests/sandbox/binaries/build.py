"""Builds the programs from Go modules: needs the module proxy, no compiler but Go, and some minutes the first time."""

import os
import select
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from sandbox.binaries import versions
from sandbox.binaries.progress import Progress
from sandbox.errors import SandboxError

QUIET_SECONDS = 1.0
ERROR_LINES = 15


def build(folder: Path, go: Path, progress: Progress) -> None:
    """Put the programs into `folder`, built by the program `go`.

    Raises:
        SandboxError: a module could not be had or did not compile.
    """
    source = folder / "source"
    source.mkdir()
    for file in versions.module_files():
        shutil.copy(file, source)
    packages = _download_modules(source, go, progress)
    _compile(source, folder, go, packages, progress)
    (folder / "server").rename(folder / "etcd")  # named after its Go package
    shutil.rmtree(source)


def _download_modules(source: Path, go: Path, progress: Progress) -> int:
    """How many packages there are to compile; asking for them downloads their modules."""
    listing = source / "packages"
    total = versions.modules()
    began, count = time.monotonic(), 0
    for line in _run([str(go), "list", "-deps", "-f", "{{.ImportPath}}", "tool"], source, listing):
        count += line.startswith("go: downloading")
        progress.update(f"downloading Go modules: {count} of up to {total}, {time.monotonic() - began:.0f} s")
    return len(listing.read_text().split())


def _compile(source: Path, folder: Path, go: Path, packages: int, progress: Progress) -> None:
    began, count = time.monotonic(), 0
    command = [str(go), "build", "-v", "-trimpath", "-ldflags", _linker_flags(), "-o", f"{folder}/", "tool"]
    for line in _run(command, source, folder / "output"):
        count += bool(line)
        progress.update(f"compiling: {count} of up to {packages} packages, {time.monotonic() - began:.0f} s")
    (folder / "output").unlink()


def _linker_flags() -> str:
    version = versions.kubernetes()
    major, minor, _ = version.removeprefix("v").split(".")
    settings = {
        "k8s.io/component-base/version.gitVersion": version,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": version,
    }
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in settings.items())])


def _run(command: Sequence[str], folder: Path, output: Path) -> Iterator[str]:
    """Each line the command says on standard error, and "" for each second in which it says nothing.

    Raises:
        SandboxError: its exit code is not 0.
    """
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    environment.pop("GOROOT", None)  # that of another Go than the one we run
    last: deque[str] = deque(maxlen=ERROR_LINES)
    with (
        output.open("wb") as file,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.PIPE) as process,
    ):
        try:
            for line in _lines(process):
                if line:
                    last.append(line)
                yield line
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise SandboxError(
            f"{' '.join(command[:2])} failed:\n" + "\n".join(last) + "\nIs the Go module proxy reachable (GOPROXY)? "
            "Or set KUBEBUILDER_ASSETS to a folder that holds the programs."
        )


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stderr is not None
    descriptor = process.stderr.fileno()
    rest = b""
    while True:
        if not select.select([descriptor], [], [], QUIET_SECONDS)[0]:
            yield ""
            continue
        chunk = os.read(descriptor, 1 << 16)
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
        if not chunk:
            return
