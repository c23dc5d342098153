"""Builds the programs from Go modules: needs the module proxy, no compiler but Go, and some minutes the first time."""

import os
import select
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from sandbox.binaries.progress import Progress
from sandbox.binaries.versions import Module
from sandbox.errors import SandboxError

QUIET_SECONDS = 1.0
ERROR_LINES = 15


def build(folder: Path, module: Module, go: Path, progress: Progress, copies: Sequence[str] = ()) -> None:
    """Put the tools of `module` into `folder`, built by the program `go`, and beside them `copies`, files of the module it is named after.

    Raises:
        SandboxError: a module could not be had or did not compile.
    """
    source = folder / "source"
    source.mkdir()
    for file in module.files:
        shutil.copy(file, source)
    packages = _download_modules(source, module.modules(), go, progress)
    command = [str(go), "build", "-v", "-trimpath", "-ldflags", _linker_flags(module), "-o", f"{folder}/", "tool"]
    _compile(command, source, packages, progress)
    for name in copies:
        shutil.copy(_unpack(source, module, go) / name, folder)
    shutil.rmtree(source)


def _download_modules(source: Path, total: int, go: Path, progress: Progress) -> int:
    """How many packages there are to compile; asking for them downloads their modules."""
    listing = source / "packages"
    began, count = time.monotonic(), 0
    for line in _run([str(go), "list", "-deps", "-f", "{{.ImportPath}}", "tool"], source, listing):
        count += line.startswith("go: downloading")
        progress.update(f"downloading Go modules: {count} of up to {total}, {time.monotonic() - began:.0f} s")
    return len(listing.read_text().split())


def _compile(command: Sequence[str], source: Path, packages: int, progress: Progress) -> None:
    began, count = time.monotonic(), 0
    for line in _run(command, source, source / "output"):
        count += bool(line)
        progress.update(f"compiling: {count} of up to {packages} packages, {time.monotonic() - began:.0f} s")


def _unpack(source: Path, module: Module, go: Path) -> Path:
    """Where Go keeps the content of the module that `module` is named after."""
    listing = source / "folder"
    for _ in _run([str(go), "list", "-m", "-f", "{{.Dir}}", module.name], source, listing):
        pass
    return Path(listing.read_text().strip())


def _linker_flags(module: Module) -> str:
    """Kubernetes' own programs learn their version from the linker."""
    if module.name != "k8s.io/kubernetes":
        return "-s -w"
    major, minor, _ = module.version.removeprefix("v").split(".", 2)
    settings = {
        "k8s.io/component-base/version.gitVersion": module.version,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": module.version,
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
            "For the control plane, KUBEBUILDER_ASSETS may also name a folder that holds the programs."
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
