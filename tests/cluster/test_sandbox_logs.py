"""`kubectl logs` against the kubelet API, and the reading of log files behind it."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.containerlog import Options, read
from support.cluster.pods import AWAIT_GO, GO_MOUNT, GO_VOLUME, container, once, pod
from support.cluster.sandbox import Kubectl, KubectlError
from support.waiting import eventually

LINES = [
    b"2026-01-01T00:00:01.000000000Z stdout F one",
    b"2026-01-01T00:00:02.000000000Z stderr P tw",
    b"2026-01-01T00:00:02.000000000Z stderr F o",
    b"2026-01-01T00:00:03.000000000Z stdout F three",
]
NOT_UNTIL_TOLD = f"print('first')\n{AWAIT_GO}\nprint('last')"
SECOND_RUN_STAYS = """
import pathlib, time
count = pathlib.Path('/runs/count')
run = len(count.read_text()) + 1 if count.exists() else 1
count.write_text('x' * run)
print('run', run)
if run == 1: raise SystemExit(3)
time.sleep(600)
"""


def contents(path: Path, options: Options, *, follow: bool = False) -> bytes:
    async def collect() -> bytes:
        pieces = [piece async for piece in read(path, options, follow=follow, is_running=lambda: False)]
        return b"".join(pieces)

    return asyncio.run(collect())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(b"\n".join([*LINES, b""]))
    return path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), b"one\ntwo\nthree\n"),
        (Options(tail=1), b"three\n"),
        (Options(tail=2), b"two\nthree\n"),
        (Options(tail=0), b""),
        (Options(limit=6), b"one\ntw"),
        (Options(since=datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)), b"three\n"),
        (
            Options(tail=2, timestamps=True),
            b"2026-01-01T00:00:02.000000000Z two\n2026-01-01T00:00:03.000000000Z three\n",
        ),
    ],
    ids=["all", "tail", "tail counts whole lines", "tail 0", "limit", "since", "timestamps"],
)
def test_options_choose_lines(log: Path, options: Options, expected: bytes) -> None:
    assert contents(log, options) == expected


def test_part_that_was_turned_over_is_read_first(log: Path) -> None:
    log.rename(log.with_name("0.log.1"))
    log.write_bytes(b"2026-01-01T00:00:04.000000000Z stdout F four\n")
    assert contents(log, Options(), follow=True) == b"one\ntwo\nthree\nfour\n"


def test_follow_reads_on_after_the_file_was_rotated(log: Path) -> None:
    def turn_over() -> None:
        log.rename(log.with_name("0.log.1"))
        log.write_bytes(b"2026-01-01T00:00:04.000000000Z stdout F four\n")

    async def scenario() -> bytes:
        goes_on = True
        reading = read(log, Options(tail=1), follow=True, is_running=lambda: goes_on)
        text = await anext(reading)
        turn_over()
        text += await anext(reading)
        goes_on = False
        return text + b"".join([piece async for piece in reading])

    assert asyncio.run(asyncio.wait_for(scenario(), 10)) == b"three\nfour\n"


@pytest.mark.cluster
def test_follow_ends_with_the_container(kubectl: Kubectl) -> None:
    kubectl.create(once(container(NOT_UNTIL_TOLD, volumeMounts=[GO_MOUNT]), volumes=[GO_VOLUME]))
    eventually(lambda: kubectl("logs", "pod") == "first\n")
    command = kubectl.command("logs", "--follow", "pod")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "first\n"
        kubectl("annotate", "pod", "pod", "go=now")
        assert following.stdout.read() == "last\n"
    assert following.returncode == 0


@pytest.mark.cluster
def test_previous_is_the_run_before(kubectl: Kubectl) -> None:
    mount = {"name": "runs", "mountPath": "/runs"}
    kubectl.create(pod(container(SECOND_RUN_STAYS, volumeMounts=[mount]), volumes=[{"name": "runs", "emptyDir": {}}]))
    eventually(lambda: kubectl("logs", "pod") == "run 2\n")
    assert kubectl("logs", "pod", "--previous") == "run 1\n"


@pytest.mark.cluster
def test_container_that_did_not_start_yet_says_why(kubectl: Kubectl) -> None:
    kubectl.create(pod(container(image="nowhere/nothing:1")))

    def refusal() -> str:
        with pytest.raises(KubectlError) as refusal:
            kubectl("logs", "pod")
        return refusal.value.stderr

    eventually(lambda: "waiting to start: " in (words := refusal()) and "image" in words.lower())
