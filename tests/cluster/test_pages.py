"""What README and docs say to paste, pasted into one shell: a sandbox, the operator, models, questions, and all removed again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sandbox import binaries
from sandbox.__main__ import DEFAULT_DIRECTORY
from sandbox.binaries import parts
from support.pages.blocks import ROOT, Block, all_blocks
from support.pages.trials import RUN, matches

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PREAMBLE = """
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
kubectl() { if [[ $1 == port-forward ]]; then forward "$2" "$3"; else command kubectl "$@"; fi; }
forward() {
  local address; address=$(command kubectl get "$1" -o jsonpath='{.spec.clusterIP}')
  "$PYTHON" -m support.cluster.forward "${2%:*}" "$address" "${2#*:}" &
  forwards+=($!)
  until (exec 3<>"/dev/tcp/127.0.0.1/${2%:*}") 2>/dev/null; do sleep 0.1; done
}
forwards=()
finish() {
  local status=$?
  set +e
  if ((status != 0)); then command kubectl get mdep,pods -A; fi
  kill "${forwards[@]}"
  "$PYTHON" -m sandbox down
  exit "$status"
} >&2
trap finish EXIT
"""
"""The sandbox's node serves no port-forward (make e2e proves the real one), so that one word stands for a forwarder."""
OWN = "examples/fraud/modeldeployment.yaml"
"""A reader's own model.yaml."""
UP = "-m sandbox up"
"""Of the command that starts the sandbox, to which the option `--warm` is added: each start of a server would else take three seconds of a processor."""
SECOND_FORWARD = "kubectl port-forward service/breast-cancer 8001:80"
DONE = "the block ran"
BLOCKS = [next(block for block in all_blocks() if matches(block, entry)) for entry in RUN]


class Shell:
    """One shell for all blocks. It ends at the first that fails, and takes the sandbox down."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._errors = directory / "errors"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                ["bash"],
                cwd=ROOT,
                env=_environment(directory),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._is_busy = False
        self._write(PREAMBLE)

    def paste(self, text: str) -> str:
        """Run a block to its end, and return what it printed."""
        if self._process.poll() is not None:
            pytest.skip("an earlier block failed")
        script, output = self._directory / "block", self._directory / "output"
        script.write_text(text)
        self._is_busy = True
        self._write(f'source "{script}" > "{output}" < /dev/null; echo "{DONE}"')
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self._is_busy = False
        assert line.strip() == DONE, f"{self._errors.read_text()[-2000:]} {output.read_text()[-1000:]}"
        return output.read_text()

    def close(self) -> None:
        """End the shell, which takes the sandbox down. A block that still runs is ended too."""
        if self._is_busy:
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.communicate(timeout=120)

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    if DEFAULT_DIRECTORY.exists():
        pytest.skip("a sandbox of this checkout runs already")
    with closing(Shell(tmp_path_factory.mktemp("pages"))) as shell:
        yield shell


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{block.page}:{block.line}" for block in BLOCKS])
def test_block_works_as_pasted_after_those_before_it(shell: Shell, block: Block) -> None:
    output = shell.paste(_command(block))
    if expected := _answer(block):
        assert _round(output) == _round(expected)


def _round(document: str) -> object:
    return json.loads(document, parse_float=lambda number: round(float(number), 6))


def _command(block: Block) -> str:
    if block.language == "python":
        return f"\"$PYTHON\" - <<'PROGRAM'\n{block.text}\nPROGRAM\n"
    forward = f"{SECOND_FORWARD}\n" if "127.0.0.1:8001" in block.text else ""
    return forward + block.text.partition("\n\n{")[0].replace("-f model.yaml", f"-f {OWN}").replace(UP, f"{UP} --warm")


def _answer(block: Block) -> str:
    """The JSON that a block shows below its command; empty where it shows none."""
    _, _, rest = block.text.partition("\n\n{")
    return "{" + rest if rest else ""


def _environment(directory: Path) -> dict[str, str]:
    """A shell that has kubectl, helm and modelway."""
    programs = directory / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(binaries.locate().kubectl)
    (programs / "helm").symlink_to(parts.locate("argocd") / "helm")
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHON": sys.executable}
