"""`python -m bench.server`: our server beside a naive FastAPI application and MLServer, with the same models and rows."""

import argparse
import signal
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from bench.errors import BenchError
from bench.machine import machine
from bench.output import add_outputs, put_out, say
from bench.page import PAGE
from bench.server import wrk
from bench.server.cases import BARE_NATIVE, BARE_ONNX, NATIVE, NATIVE_PAIR, ONNX, ONNX_PAIR
from bench.server.contenders import EXACT, ROUNDED, Contender, bare, mlserver, modelway, naive
from bench.server.environments import environment, versions_in
from bench.server.models import FOREST, LINEAR, train
from bench.server.report import tables
from bench.server.run import Plan, measure


def main(argv: list[str] | None = None) -> int:
    """Measure and tell; the exit code is 0 when it could be measured, whatever was found."""
    options = _options(argv)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        _measure(options)
    except BenchError as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; every server that the benchmark started has ended.", file=sys.stderr)
        return 130
    return 0


def _measure(options: argparse.Namespace) -> None:
    client = wrk.version()
    contenders, versions = _contenders(options)
    plan = Plan(contenders, options.rounds, options.seconds, warm_up=1)
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as folder:
        say("training the models")
        models = {name: model for name, model in train(Path(folder)).items() if name in options.models}
        figures = measure(plan, models, machine(wrk=client, **versions), say)
    put_out(options, {"bench-server": tables(figures)}, asdict(figures), PAGE)


def _contenders(options: argparse.Namespace) -> tuple[list[Contender], dict[str, str]]:
    """The servers that were asked for, and the versions of what they are made of."""
    tutorial, peer = (environment(name, say) for name in ("bench-naive", "bench-mlserver"))
    every = [
        naive(tutorial),
        mlserver(peer, "MLServer"),
        mlserver(peer, "MLServer, batching", batching=True),
        mlserver(peer, "MLServer, 2 workers", workers=2),
        modelway(NATIVE, "native", EXACT),
        modelway(ONNX, "onnx", ROUNDED),
        modelway(NATIVE_PAIR, "native", EXACT, workers=2),
        modelway(ONNX_PAIR, "onnx", ROUNDED, workers=2),
        bare(BARE_NATIVE, "native", EXACT),
        bare(BARE_ONNX, "onnx", ROUNDED),
    ]
    if options.before is not None:
        every += [
            modelway(f"{NATIVE}, before", "native", EXACT, python=options.before),
            modelway(f"{ONNX}, before", "onnx", ROUNDED, python=options.before),
        ]
    versions = {name: version(name) for name in ("scikit-learn", "onnxruntime", "httptools", "uvloop")}
    versions |= {"fastapi": versions_in(tutorial, "fastapi")["fastapi"], **versions_in(peer, "mlserver")}
    return [one for one in every if options.servers in one.name or not one.peer or one.name == every[0].name], versions


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each server and model (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="that one load lasts (default %(default)s)")
    parser.add_argument("--models", default=f"{FOREST},{LINEAR}", help="the models (default %(default)s)")
    parser.add_argument(
        "--servers", default="", help="peers beside the naive application: those with this word in their name"
    )
    parser.add_argument(
        "--before",
        type=Path,
        help="the Python of an environment with an earlier version of our server, measured beside it",
    )
    add_outputs(parser, PAGE)
    options = parser.parse_args(argv)
    if min(options.rounds, options.seconds) < 1:
        parser.error("--rounds and --seconds must be 1 or more")
    options.models = options.models.split(",")
    if unknown := set(options.models) - {FOREST, LINEAR}:
        parser.error(f"--models {','.join(sorted(unknown))}: choose from {FOREST},{LINEAR}")
    return options


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
