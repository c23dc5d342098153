"""What the process node keeps on disk: volumes from the API, logs, memory watched without cgroups."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.node.logs import Log, Output
from sandbox.node.memory import Memory
from sandbox.node.payload import MountError, project, write
from sandbox.node.usage import resident
from support.waiting import eventually

DATA = {"a": b"1", "b": b"2"}


def test_items_choose_keys_and_their_paths() -> None:
    source = {"name": "c", "items": [{"key": "a", "path": "deep/x"}], "defaultMode": 0o400}
    assert project(source, "configmap", DATA) == {"deep/x": (b"1", 0o400)}


@pytest.mark.parametrize(
    ("source", "data", "message"),
    [
        ({"name": "c"}, None, 'configmap "c" not found'),
        ({"name": "c", "items": [{"key": "z", "path": "z"}]}, DATA, "references non-existent config key: z"),
    ],
)
def test_what_is_missing_is_named(source: dict[str, object], data: dict[str, bytes] | None, message: str) -> None:
    with pytest.raises(MountError, match=message):
        project(source, "configmap", data)
    assert project({**source, "optional": True}, "configmap", data) == {}


def test_a_volume_switches_to_its_new_content_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, {"a": (b"1", 0o644), "deep/b": (b"2", 0o600)})
    before = (tmp_path / "..data").readlink()
    assert not write(tmp_path, {"a": (b"1", 0o644), "deep/b": (b"2", 0o600)})
    assert write(tmp_path, {"a": (b"9", 0o644)})
    assert (tmp_path / "a").read_bytes() == b"9"
    assert not (tmp_path / "deep").is_symlink()
    # A reader finds one folder of data, the new one, behind the link that was switched.
    folders = [entry for entry in tmp_path.iterdir() if entry.is_dir() and not entry.is_symlink()]
    assert [Path(folder.name) for folder in folders] == [(tmp_path / "..data").readlink()]
    assert (tmp_path / "..data").readlink() != before


def test_output_is_logged_by_line_and_long_lines_in_parts(tmp_path: Path) -> None:
    async def run() -> None:
        output = Output(Log(tmp_path / "0.log", 10**9))
        code = "import sys; print('one'); print('x' * 20000); sys.stderr.write('no end')"
        stdout, stderr = output.descriptors
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=stdout, stderr=stderr)
        await output.attach()
        await output.drain(20)
        await process.wait()
        output.log.close()

    asyncio.run(run())
    entries = [line.split(b" ", 3)[1:] for line in (tmp_path / "0.log").read_bytes().splitlines()]
    assert [b"stdout", b"F", b"one"] in entries
    assert [b"stderr", b"F", b"no end"] in entries
    long = [(tag, len(text)) for stream, tag, text in entries if text.startswith(b"x")]
    assert sum(size for _, size in long) == 20000


def test_a_log_that_grows_too_large_is_turned_over(tmp_path: Path) -> None:
    log = Log(tmp_path / "0.log", 500)
    for number in range(100):
        log.write("stdout", [str(number).encode()])
    log.close()
    assert (tmp_path / "0.log.1").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1200
    assert log.tail().endswith("99\n")


def test_process_tree_over_its_limit_is_killed_without_a_cgroup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sandbox.node.memory._own_group", lambda: None)
    hungry = "x = b'x' * 80_000_000; input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}])"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True)
    try:
        memory = Memory("unused")
        limit = memory.limit("main", 60_000_000)
        limit.join(process.pid)
        eventually(lambda: resident(process.pid) > 60_000_000)

        async def look() -> None:
            watching = asyncio.create_task(memory.run())
            await asyncio.to_thread(process.wait, 20)
            watching.cancel()

        asyncio.run(look())
        assert limit.exceeded()
    finally:
        process.communicate()
