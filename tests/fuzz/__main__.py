"""Feed the codecs with what libFuzzer makes up, guided by the branches that it reaches.

What ends it is a defect: the input is left in the folder of findings, and given again as an argument it is read once.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "modelway_server.protocol",
        "modelway_server.contract",
        "modelway_server.dataplane",
        "modelway_server.grpc.codec",
    ]
):
    from fuzz import target


def main() -> None:
    """Parse the command line, and fuzz."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers; 0 is another one each time")
    parser.add_argument("--findings", type=Path, default=Path(), help="folder for inputs that show a defect")
    parser.add_argument("inputs", nargs="*", type=Path, help="files to read once, in place of fuzzing")
    arguments = parser.parse_args()
    for path in arguments.inputs:
        target.read_one(path.read_bytes())
    if not arguments.inputs:
        _fuzz(arguments.seconds, arguments.seed, arguments.findings)


def _fuzz(seconds: int, seed: int, findings: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for index, content in enumerate(target.seeds()):
        target.read_one(content)
        (corpus / f"seed-{index}").write_bytes(content)
    words = folder / "words.dict"
    words.write_text("".join(f'"{_escape(word)}"\n' for word in target.dictionary()))
    options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={target.MAX_BODY}", f"-dict={words}"]
    options += [
        f"-artifact_prefix={findings.resolve()}{os.sep}",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.read_one)
    atheris.Fuzz()


def _escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')


if __name__ == "__main__":
    main()
