"""The `fetch` command: one artifact from its URI into a directory, with a record of what it is."""

import argparse
import asyncio
import logging
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from modelway_server.artifacts.download import Download, Draft, readable, storage_errors
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.artifacts.remote import ObjectSource
from modelway_server.artifacts.source import FileSource, Source
from modelway_server.artifacts.uri import Location, parse_uri
from modelway_server.errors import FetchFailed, FetchFailure, FetchTimeout
from modelway_server.report import report_failure, write_termination_message

PROGRESS_SECONDS = 5.0
STOPPED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `fetch` is told on its command line."""
    parser.add_argument("--uri", required=True, help="file:///path, http(s)://host/path or s3://bucket/key of one file")
    parser.add_argument("--dest", required=True, type=Path, help="directory that receives the file")
    parser.add_argument("--max-bytes", required=True, type=_positive_int, help="cap on the artifact's size, in bytes")
    parser.add_argument(
        "--timeout", required=True, type=_positive_seconds, help="deadline for the whole fetch, in seconds"
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetch as the arguments say, and report the outcome to logs and kubelet.

    Returns:
        The exit status of the process.
    """
    try:
        record = asyncio.run(
            fetch(arguments.uri, arguments.dest, max_bytes=arguments.max_bytes, seconds=arguments.timeout)
        )
    except FetchFailure as failure:
        return report_failure(failure)
    except asyncio.CancelledError:
        log.warning("fetch stopped by SIGTERM")
        return STOPPED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # what nobody foresaw must still name itself in the status
        log.exception("fetch failed in a way it has no name for")
        return report_failure(
            FetchFailed(f"{type(error).__name__}: {error}", remedy="Report this; the log has the details.")
        )
    write_termination_message({"reason": "Fetched", "digest": record.digest, "bytes": record.bytes, "uri": record.uri})
    return 0


async def fetch(
    uri: str, directory: Path, *, max_bytes: int, seconds: float, environ: Mapping[str, str] = os.environ
) -> ArtifactRecord:
    """Bring the artifact into the directory and leave a record beside it.

    Args:
        uri: what to fetch.
        directory: where to put it; afterwards it holds the file, read-only, and the record.
        max_bytes: cap on the size.
        seconds: deadline for everything, retries included.
        environ: credentials; see `remote.store_for`.

    Raises:
        FetchFailure: one of its kinds; nothing is left in the directory then.
    """
    location = parse_uri(uri)
    _stop_on_sigterm()
    started = time.monotonic()
    log.info("fetch started", extra={"uri": location.public, "max_bytes": max_bytes, "timeout_seconds": seconds})
    with Draft(directory, max_bytes) as draft:
        await _download(_source(location, environ, seconds), draft, location, seconds)
        draft.publish(location.file_name)
        record = ArtifactRecord(location.public, location.file_name, draft.digest, draft.size)
    with storage_errors(directory):
        record.write(directory)
    elapsed = round(time.monotonic() - started, 3)
    log.info("fetch done", extra={"digest": record.digest, "bytes": record.bytes, "seconds": elapsed})
    return record


def _source(location: Location, environ: Mapping[str, str], seconds: float) -> Source:
    return FileSource(location) if location.scheme == "file" else ObjectSource(location, environ, seconds)


async def _download(source: Source, draft: Draft, location: Location, seconds: float) -> None:
    download = Download(source, draft, location.public)
    progress = asyncio.create_task(_log_progress(download, draft))
    try:
        async with asyncio.timeout(seconds) as deadline:
            await download.run()
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise FetchTimeout(_too_late(download, draft, location, seconds)) from error
    finally:
        progress.cancel()


def _too_late(download: Download, draft: Draft, location: Location, seconds: float) -> str:
    whole = f" of {readable(download.total)}" if download.total is not None else ""
    trouble = f"; last trouble: {download.trouble}" if download.trouble else ""
    return f"{readable(draft.size)}{whole} of {location.public} arrived in {seconds:g} seconds{trouble}"


async def _log_progress(download: Download, draft: Draft) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        log.info("fetching", extra={"bytes": draft.size, "total": download.total})


def _stop_on_sigterm() -> None:
    """As process 1 of a container we would otherwise not be stopped by SIGTERM at all."""
    task = asyncio.current_task()
    assert task is not None
    with suppress(ValueError, RuntimeError):  # only the main thread can listen
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _positive_seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value
