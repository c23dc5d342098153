"""What README and docs say to paste, pasted into one shell: a sandbox, the operator, models, questions, and all removed again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import binaries
from sandbox.__main__ import DEFAULT_DIRECTORY
from sandbox.binaries import parts
from support.pages.blocks import ROOT, Block, all_blocks
from support.pages.trials import RUN, matches

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

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
  if ((status != 0)); then command kubectl get mdep,pods -A >&2; fi
  kill "${forwards[@]}" 2>/dev/null
  "$PYTHON" -m sandbox down >/dev/null 2>&1
  exit "$status"
}
trap finish EXIT
"""
"""The sandbox's node serves no port-forward (make e2e proves the real one), so that one word stands for a forwarder."""
OWN = "examples/fraud/modeldeployment.yaml"
"""A reader's own model.yaml."""
SECOND_FORWARD = "kubectl port-forward service/breast-cancer 8001:80"


def test_what_the_pages_say_works_as_pasted(tmp_path: Path) -> None:
    if DEFAULT_DIRECTORY.exists():
        pytest.skip("a sandbox of this checkout runs already")
    chosen = [next(block for block in all_blocks() if matches(block, entry)) for entry in RUN]
    script = tmp_path / "script.sh"
    script.write_text(PREAMBLE + "".join(_step(number, block) for number, block in enumerate(chosen)))
    shell = subprocess.run(
        ["bash", str(script)],
        cwd=ROOT,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    ran = re.findall(r"^:: (.*)$", shell.stderr, re.MULTILINE)
    assert shell.returncode == 0, f"{ran[-1:]}: {shell.stderr[-2000:]} {_outputs(tmp_path)[-1:]}"
    for number, block in enumerate(chosen):
        if shown := _answer(block):
            output = (tmp_path / f"out-{number}").read_text()
            assert _rounded(output) == _rounded(shown), block


def _rounded(document: str) -> object:
    return json.loads(document, parse_float=lambda number: round(float(number), 6))


def _step(number: int, block: Block) -> str:
    """One block, with its output in a file of its own."""
    forward = f"{SECOND_FORWARD}\n" if "127.0.0.1:8001" in block.text else ""
    return f'echo ":: {block.page}:{block.line}" >&2\n{forward}{{\n{_command(block)}\n}} > "$OUT/out-{number}"\n'


def _command(block: Block) -> str:
    if block.language == "python":
        return f"\"$PYTHON\" - <<'PROGRAM'\n{block.text}\nPROGRAM"
    return block.text.partition("\n\n{")[0].replace("-f model.yaml", f"-f {OWN}")


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
    return {**os.environ, "PATH": path, "PYTHON": sys.executable, "OUT": str(directory)}


def _outputs(directory: Path) -> list[str]:
    files = sorted(directory.glob("out-*"), key=lambda file: int(file.name.partition("-")[2]))
    return [file.read_text()[-1000:] for file in files]
