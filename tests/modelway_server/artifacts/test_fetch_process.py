"""`fetch` as a process: exit status, termination message, disk, memory, signals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway_server.__main__ import main
from support.stores.nasty_store import NastyStore, file, nasty_store, stalling
from support.waiting import eventually

MIB = 1 << 20


@pytest.fixture
def store() -> Iterator[NastyStore]:
    with nasty_store() as running:
        yield running


def start(uri: str, dest: Path, report: Path, *more: str, wrapper: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    arguments = ["fetch", f"--uri={uri}", f"--dest={dest}", f"--max-bytes={1 << 30}", "--timeout=30", *more]
    return subprocess.Popen(
        [*wrapper, sys.executable, "-m", "modelway_server", *arguments],
        env={**os.environ, "MODELWAY_TERMINATION_LOG": str(report)},
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: "subprocess.Popen[str]", report: Path) -> tuple[int, dict[str, object], list[dict[str, object]]]:
    _, log = process.communicate(timeout=30)
    message = json.loads(report.read_text()) if report.exists() else {}
    return process.returncode, message, [json.loads(line) for line in log.splitlines()]


def test_success_is_reported_with_digest_and_size(tmp_path: Path) -> None:
    source = tmp_path / "model.joblib"
    source.write_bytes(b"model")
    code, message, log = outcome(start(f"file://{source}", tmp_path / "dest", tmp_path / "report"), tmp_path / "report")
    assert code == 0
    assert message == {
        "reason": "Fetched",
        "digest": "sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4",
        "bytes": 5,
        "uri": f"file://{source}",
    }
    assert [line["message"] for line in log] == ["fetch started", "fetch done"]


def test_version_is_reported_beside_the_digest(store: NastyStore, tmp_path: Path) -> None:
    store.answers.append(file(b"model", etag='"a-1"'))
    process = start(f"{store.url}/model.joblib", tmp_path / "dest", tmp_path / "report")
    code, message, _ = outcome(process, tmp_path / "report")
    assert (code, message["version"]) == (0, 'etag:"a-1"')


def test_replaced_artifact_is_reported_and_not_left(store: NastyStore, tmp_path: Path) -> None:
    store.answers.append(file(b"other"))
    options = (f"--digest=sha256:{'0' * 64}", '--object-version=etag:"a-1"')
    process = start(f"{store.url}/model.joblib", tmp_path / "dest", tmp_path / "report", *options)
    code, message, _ = outcome(process, tmp_path / "report")
    assert (code, message["reason"]) == (18, "ArtifactReplaced")
    assert f"sha256:{'0' * 64}" in str(message["message"])
    assert list((tmp_path / "dest").iterdir()) == []


@pytest.mark.parametrize("option", ["--object-version=s3:a", "--digest-field=spec.model.digest"])
def test_what_belongs_to_a_digest_is_refused_without_one(tmp_path: Path, option: str) -> None:
    process = start("file:///m", tmp_path / "dest", tmp_path / "report", option)
    code, message, _ = outcome(process, tmp_path / "report")
    assert (code, message["reason"]) == (16, "InvalidURI")
    assert str(message["remedy"]).startswith("Give --digest as well")


@pytest.mark.parametrize("text", ["0" * 64, "sha256:" + "0" * 63, "sha256:" + "A" * 64, "md5:" + "0" * 32])
def test_digest_of_another_form_is_refused_with_what_it_takes(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fetch", "--uri=file:///m", "--dest=d", "--max-bytes=1", "--timeout=1", f"--digest={text}"])
    assert "is no digest: sha256: and 64 digits of 0-9 and a-f" in capsys.readouterr().err


def test_failure_is_reported_with_remedy_and_exit_status(tmp_path: Path) -> None:
    code, message, log = outcome(start("file:///nowhere/m", tmp_path, tmp_path / "report"), tmp_path / "report")
    assert (code, message["reason"]) == (10, "ModelNotFound")
    assert message["message"] == "there is no file at file:///nowhere/m"
    assert message["remedy"]
    assert log[-1]["level"] == "error"
    assert log[-1]["reason"] == "ModelNotFound"


def test_unwritable_report_changes_nothing(tmp_path: Path) -> None:
    code, _, log = outcome(start("file:///nowhere/m", tmp_path, tmp_path / "no" / "report"), tmp_path / "no" / "report")
    assert (code, log[-1]["reason"]) == (10, "ModelNotFound")


def test_full_disk_is_reported_and_left_empty(store: NastyStore, tmp_path: Path) -> None:
    store.answers.append(file(bytes(2 * MIB)))
    dest = tmp_path / "dest"
    at_most_1_mib = ("sh", "-c", 'ulimit -f 2048; exec "$@"', "sh")
    process = start(f"{store.url}/model.joblib", dest, tmp_path / "report", wrapper=at_most_1_mib)
    code, message, _ = outcome(process, tmp_path / "report")
    assert (code, message["reason"]) == (15, "StorageFull")
    assert list(dest.iterdir()) == []


def test_destination_that_is_no_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "dest").touch()
    (tmp_path / "model").touch()
    process = start(f"file://{tmp_path}/model", tmp_path / "dest", tmp_path / "report")
    code, message, _ = outcome(process, tmp_path / "report")
    assert (code, message["reason"]) == (15, "StorageFull")
    assert "cannot be written" in str(message["message"])


def test_memory_does_not_grow_with_the_artifact(store: NastyStore, tmp_path: Path) -> None:
    peaks = []
    for size in (1, 192 * MIB):
        store.answers[:] = [file(bytes(size))]
        process = start(f"{store.url}/model.joblib", tmp_path / "dest", tmp_path / "report")
        with process:
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        peaks.append(usage.ru_maxrss * 1024)
        assert json.loads((tmp_path / "report").read_text())["bytes"] == size
    assert peaks[1] - peaks[0] < 48 * MIB


def test_sigterm_ends_a_fetch_at_once_and_leaves_nothing(store: NastyStore, tmp_path: Path) -> None:
    store.answers.append(stalling(bytes(MIB), store))
    dest = tmp_path / "dest"
    process = start(f"{store.url}/model.joblib", dest, tmp_path / "report")
    eventually(lambda: any(path.stat().st_size for path in dest.glob(".*")), deadline=10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 128 + signal.SIGTERM
    assert process.stderr is not None
    process.stderr.close()
    assert list(dest.iterdir()) == []


def test_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"model")
    (tmp_path / "model.joblib").symlink_to(tmp_path / "real")
    process = start(f"file://{tmp_path}/model.joblib", tmp_path / "dest", tmp_path / "report")
    assert outcome(process, tmp_path / "report")[0] == 0
    assert not (tmp_path / "dest" / "model.joblib").is_symlink()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_irregular_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    code, message, _ = outcome(start(f"file://{path}", tmp_path / "dest", tmp_path / "report"), tmp_path / "report")
    assert (code, message["reason"]) == (16, "InvalidURI")
