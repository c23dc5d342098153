"""Models that are packed folders, and archives that someone made to do harm."""

import asyncio
import gzip
import os
import stat
import tarfile
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from modelway_server.artifacts import archive, manifest, tars
from modelway_server.artifacts.bring import Bring
from modelway_server.artifacts.destinations import Rules
from modelway_server.artifacts.fetch import fetch, finish_in_time
from modelway_server.artifacts.record import ArtifactRecord, locate_model
from modelway_server.artifacts.uri import parse_uri
from modelway_server.errors import ArtifactTooLarge, FetchTimeout, InvalidArtifact, LoadFailure
from modelway_server.runtimes import load_runtime
from support.files.packed import MLFLOW, tar_entry, write_folder, write_tar, write_zip, zip_entry

MIB = 1 << 20
Make = Callable[[Path], object]


def fetch_file(path: Path, max_bytes: int = 1 << 30) -> ArtifactRecord:
    dest = path.parent / "dest"
    return asyncio.run(fetch(f"file://{path}", dest, max_bytes=max_bytes, seconds=60, environ={}))


def below(folder: str) -> dict[str, bytes]:
    return {f"{folder}{name}": content for name, content in MLFLOW.items()}


@pytest.mark.parametrize(
    ("name", "write", "files"),
    [
        ("model.zip", write_zip, below("")),
        ("model.zip", write_zip, below("fraud/")),
        ("model.zip", write_zip, {"m/": b"", **below("m/"), "__MACOSX/m/._MLmodel": b"x", "m/.DS_Store": b"x"}),
        ("model.tar", write_tar, below("fraud/")),
        ("model.tgz", write_tar, below("./")),
        ("model.tar.gz", write_tar, {**below("m/"), "._m": b"x"}),
        ("model", write_zip, below("")),
    ],
)
def test_packed_folder_has_the_digest_of_the_folder(
    tmp_path: Path, name: str, write: Callable[..., Path], files: dict[str, bytes]
) -> None:
    plain = write_folder(tmp_path / "plain")
    expected = asyncio.run(fetch(f"file://{plain}/", tmp_path / "other", max_bytes=MIB, seconds=60, environ={}))
    record = fetch_file(write(tmp_path / name, files.items()))
    model = locate_model(tmp_path / "dest")
    assert (record.digest, record.bytes, record.files) == (expected.digest, expected.bytes, 3)
    assert model == tmp_path / "dest" / "model"
    assert {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()} == MLFLOW
    assert sorted(path.name for path in model.parent.iterdir()) == [".modelway.json", "model"]


def test_folder_packed_by_the_systems_tar_is_unpacked(tmp_path: Path) -> None:
    name = "data/" + "ä" * 60 + "/" + "b" * 100
    folder = write_folder(tmp_path / "model", {**MLFLOW, name: b"x"})
    os.spawnlp(os.P_WAIT, "tar", "tar", "-czf", str(tmp_path / "model.tgz"), "-C", str(folder), ".")
    fetch_file(tmp_path / "model.tgz")
    assert (tmp_path / "dest" / "model" / name).read_bytes() == b"x"


@pytest.mark.parametrize("name", ["model.joblib", "fraud/model.joblib"])
def test_single_model_file_in_a_tar_is_found(tmp_path: Path, name: str) -> None:
    """As SageMaker packs models."""
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    joblib.dump(model, tmp_path / "m")
    fetch_file(write_tar(tmp_path / "model.tar.gz", [(name, (tmp_path / "m").read_bytes())]))
    runtime = load_runtime(locate_model(tmp_path / "dest"), format="auto", method="auto")
    assert runtime.methods == ("predict",)


def _npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, weights=np.zeros(3))


def _write_nested(path: Path) -> None:
    write_zip(path, below("a/b/").items())


def _cut_zip(path: Path) -> None:
    write_zip(path, MLFLOW.items())
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    "make",
    [
        _npz,
        _write_nested,
        _cut_zip,
        lambda path: joblib.dump({"a": 1}, path, compress=("gzip", 3)),
        lambda path: path.write_bytes(b"\x1f\x8b not gzip"),
        lambda path: path.write_bytes(b"PK\x03\x04"),
        lambda path: path.write_bytes(b""),
    ],
)
def test_archive_without_a_model_folder_stays_a_file(tmp_path: Path, make: Make) -> None:
    make(tmp_path / "model.zip")
    assert fetch_file(tmp_path / "model.zip").file == "model.zip"
    assert (tmp_path / "dest" / "model.zip").read_bytes() == (tmp_path / "model.zip").read_bytes()


def evil_tar(*entries: tuple[str | tarfile.TarInfo, bytes]) -> Make:
    return lambda path: write_tar(path, [("MLmodel", b"x"), *entries])


def evil_zip(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> Make:
    return lambda path: write_zip(path, [("MLmodel", b"x"), *entries])


def _write_encrypted(path: Path) -> None:
    write_zip(path, [("MLmodel", b"x")])
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def _flipped_zip(path: Path) -> None:
    write_zip(path, [(zip_entry("MLmodel"), b"flavors")])
    path.write_bytes(path.read_bytes().replace(b"flavors", b"flavour", 1))


def _understated_zip(path: Path) -> None:
    """One that claims fewer bytes than it has."""
    write_zip(path, [("MLmodel", bytes(MIB))])
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(content)


def _broken_header(path: Path) -> None:
    write_tar(path, [("MLmodel", b"x"), ("b", b"x"), ("c", b"x")])
    content = bytearray(path.read_bytes())
    content[1024:1124] = b"\xff" * 100
    path.write_bytes(content)


def _cut_tar(size: int) -> Make:
    def make(path: Path) -> None:
        write_tar(path, [("MLmodel", b"x"), ("b", b"x" * 2000)])
        path.write_bytes(path.read_bytes()[:size])

    return make


def _cut_gzip(path: Path) -> None:
    write_tar(path.with_suffix(".gz"), [("MLmodel", os.urandom(5000))])
    path.write_bytes(path.with_suffix(".gz").read_bytes()[:2000])


def _sparse(path: Path) -> None:
    info = tarfile.TarInfo("s")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("MLmodel"))
        tar.addfile(info)


def _long_header(path: Path) -> None:
    """A name of 2 MiB."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2 * MIB
    path.write_bytes(header.tobuf() + bytes(2 * MIB) + bytes(1024))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (evil_tar(("../x", b"x")), "'../x', which could lead out"),
        (evil_tar(("a/../../x", b"x")), "which could lead out"),
        (evil_tar(("/etc/x", b"x")), "an absolute name"),
        (evil_tar(("a//x", b"x")), "an empty part"),
        (evil_tar(("a\\x", b"x")), "a backslash"),
        (evil_tar(("a\nx", b"x")), "unprintable"),
        (evil_tar(("a" * 256, b"x")), "longer than 255"),
        (evil_tar(("a/" * 600 + "x", b"x")), "or 1024 with"),
        (evil_tar(("MLmodel", b"y")), "appears twice"),
        (evil_tar(("MLmodel/x", b"y")), "a file and a folder"),
        (evil_tar((tar_entry("a", tarfile.SYMTYPE, "/etc"), b""), ("a/x", b"x")), "'a', a link"),
        (evil_tar((tar_entry("a", tarfile.LNKTYPE, "MLmodel"), b"")), "'a', a link"),
        (evil_tar((tar_entry("a", tarfile.CHRTYPE), b"")), "neither a plain file"),
        (evil_tar((tar_entry("a", tarfile.FIFOTYPE), b"")), "neither a plain file"),
        (_sparse, "neither a plain file"),
        (_long_header, "header of"),
        (_broken_header, "damaged archive"),
        (_cut_tar(512), "damaged archive"),
        (_cut_tar(1024), "damaged archive"),
        (_cut_tar(3000), "damaged archive"),
        (_cut_gzip, "damaged archive"),
        (lambda path: write_tar(path, [(tar_entry("d", tarfile.DIRTYPE), b"")]), "archive without a file"),
        (evil_zip(("../x", b"x")), "which could lead out"),
        (evil_zip(("a/../../x", b"x")), "which could lead out"),
        (evil_zip(("/etc/x", b"x")), "an absolute name"),
        (evil_zip(("a\\x", b"x")), "a backslash"),
        (evil_zip(("MLmodel/x", b"x")), "a file and a folder"),
        (evil_zip((zip_entry("a", stat.S_IFLNK | 0o777), b"/etc")), "'a', a link"),
        (evil_zip((zip_entry("a", stat.S_IFIFO | 0o777), b"")), "neither a plain file"),
        (evil_zip((zip_entry("a", method=zipfile.ZIP_LZMA), b"x")), "another method"),
        (_write_encrypted, "encrypted"),
        (_flipped_zip, "damaged archive"),
        (_understated_zip, "damaged archive"),
    ],
)
def test_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, make: Make, words: str) -> None:
    make(tmp_path / "model")
    before = set(tmp_path.iterdir())
    with pytest.raises(InvalidArtifact) as refusal:
        fetch_file(tmp_path / "model")
    assert words in refusal.value.message
    assert list((tmp_path / "dest").iterdir()) == []
    assert set(tmp_path.iterdir()) - before == {tmp_path / "dest"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_name_in_a_zip_is_refused(tmp_path: Path) -> None:
    evil_zip(("MLmodel", b"y"))(tmp_path / "model")
    with pytest.raises(InvalidArtifact, match="appears twice"):
        fetch_file(tmp_path / "model")


def _bomb_tar(path: Path) -> None:
    write_tar(path.with_suffix(".gz"), [("MLmodel", bytes(80 * MIB))])
    path.with_suffix(".gz").rename(path)


def _bomb_zip(path: Path) -> None:
    write_zip(path, [("MLmodel", bytes(80 * MIB))])


def _folders_only(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for number in range(50):
            file.write(tar_entry(f"d{number}", tarfile.DIRTYPE).tobuf())


@pytest.mark.parametrize(
    ("make", "max_bytes", "words"),
    [
        (_bomb_tar, 1 << 30, "200 times its own size"),
        (_bomb_zip, 1 << 30, "200 times its own size"),
        (_bomb_tar, 60 * MIB, "of the cap are left beside the archive"),
        (_bomb_zip, 60 * MIB, "of the cap are left beside the archive"),
        (evil_tar(*((str(number), b"") for number in range(20))), 1 << 30, "more than 10 files"),
        (evil_zip(*((str(number), b"") for number in range(20))), 1 << 30, "more than 10 files"),
        (_folders_only, 1 << 30, "more than 10 files"),
    ],
)
def test_archive_that_would_fill_the_volume_is_refused(
    tmp_path: Path, make: Make, max_bytes: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "MAX_FILES", 10)
    monkeypatch.setattr(tars, "MAX_HEADERS", 40)
    make(tmp_path / "model")
    with pytest.raises(ArtifactTooLarge) as refusal:
        fetch_file(tmp_path / "model", max_bytes)
    assert words in refusal.value.message
    assert list((tmp_path / "dest").iterdir()) == []


def test_zip_of_a_million_names_costs_no_memory(tmp_path: Path) -> None:
    """Only its table of contents is there; read by the library it would take about half a gigabyte."""
    entry = b"PK\x01\x02" + bytes(24) + (20).to_bytes(2, "little") + bytes(16) + b"x" * 20
    count = 400_000
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff" * 2 + (len(entry) * count).to_bytes(4, "little") + bytes(6)
    (tmp_path / "model.zip").write_bytes(b"PK\x03\x04" + entry * count + end)
    tracemalloc.start()
    fetch_file(tmp_path / "model.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


def _pack(write: Callable[..., Path], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write(Path(folder) / name, below("m/").items()).read_bytes()


ARCHIVES = (_pack(write_zip, "a.zip"), _pack(write_tar, "a.tar"), _pack(write_tar, "a.tgz"))


@settings(max_examples=200)
@given(
    kind=st.sampled_from(range(len(ARCHIVES))),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), min_size=1, max_size=4),
    length=st.floats(0.2, 1.2),
)
def test_damaged_archive_has_a_reason_and_writes_nothing_outside(
    kind: int, changes: list[tuple[float, bytes]], length: float
) -> None:
    content = ARCHIVES[kind]
    changed = bytearray(content)
    for place, put in changes:
        at = int(place * len(content))
        changed[at : at + len(put)] = put
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").write_bytes(changed[: int(length * len(changed))])
        with suppress(LoadFailure):
            fetch_file(folder / "model", max_bytes=MIB)
        left = {path.name for path in (folder / "dest").iterdir()}
        assert left in ({".modelway.json", "model"}, set())
        assert {path.name for path in folder.iterdir()} == {"model", "dest"}


def test_deadline_ends_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive.Archive, "_check", lambda *_: time.sleep(0.01))
    path = write_tar(tmp_path / "model.tgz", [("MLmodel", bytes(64 * MIB))])

    async def work() -> ArtifactRecord:
        bring = Bring(parse_uri(f"file://{path}"), tmp_path / "dest", max_bytes=1 << 40)
        return await finish_in_time(bring, bring.run({}, 60, Rules()), seconds=1)

    with pytest.raises(FetchTimeout, match="were unpacked in 1 seconds"):
        asyncio.run(work())
    assert list((tmp_path / "dest").iterdir()) == []


def test_archive_headers_are_not_all_kept_in_memory(tmp_path: Path) -> None:
    def commented(number: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(f"model/{number}")
        info.pax_headers = {"comment": "x" * (MIB // 2)}
        return info

    path = tmp_path / "model.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as packed:
        for number in range(60):
            packed.addfile(commented(number))
    tracemalloc.start()
    try:
        assert sum(1 for _ in tars.tar_members(path, "the archive", 100 * MIB)) == 60
        assert tracemalloc.get_traced_memory()[1] < 10 * MIB
    finally:
        tracemalloc.stop()
