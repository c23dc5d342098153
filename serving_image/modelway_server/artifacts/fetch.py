"""The `fetch` command: copy one artifact from its URI into a directory, with a record of it."""

import argparse
import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from pathlib import Path

from modelway_server.arguments import matching, positive, positive_int
from modelway_server.artifacts.bring import Bring
from modelway_server.artifacts.destinations import Rules
from modelway_server.artifacts.download import Progress, format_bytes, storage_errors
from modelway_server.artifacts.hosts import Hosts
from modelway_server.artifacts.pin import Pin
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.artifacts.uri import parse_uri
from modelway_server.artifacts.versions import MAX_VERSION
from modelway_server.errors import FetchFailed, FetchTimeout, InvalidURI, LoadFailure
from modelway_server.process.exit_report import report_failure, write_termination_message

PROGRESS_SECONDS = 5.0
STOPPED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT

digest = matching(r"sha256:[0-9a-f]{64}", "digest: sha256: and 64 digits of 0-9 and a-f, as a fetch reports it")
object_version = matching(
    rf"[ -~]{{1,{MAX_VERSION}}}", f"version: 1 to {MAX_VERSION} printable characters, as a fetch reports it"
)

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `fetch`."""
    parser.add_argument(
        "--uri",
        required=True,
        help="file:///path, http(s)://host/path or s3://bucket/key of a file; of a folder with / at its end (not http)",
    )
    parser.add_argument("--dest", required=True, type=Path, help="directory that receives it")
    parser.add_argument("--max-bytes", required=True, type=positive_int, help="cap on the artifact's size, in bytes")
    parser.add_argument("--timeout", required=True, type=positive, help="deadline for the whole fetch, in seconds")
    parser.add_argument(
        "--hosts",
        default="*",
        help="the hosts that models may come from, redirects included, separated by commas: models.example.com, "
        "*.example.com or minio.example.com:9000",
    )
    parser.add_argument(
        "--private-addresses",
        choices=("allow", "refuse"),
        default="allow",
        help="whether hosts may have addresses that are not of the public internet; those that --hosts names in full may always",
    )
    parser.add_argument(
        "--secret-hosts",
        choices=("optional", "required"),
        default="optional",
        help="whether credentials are used only where MODELWAY_HOSTS beside them says so",
    )
    parser.add_argument(
        "--digest",
        type=digest,
        help="the digest that the artifact must have, as an earlier fetch reported it; any other is refused",
    )
    parser.add_argument(
        "--digest-field", help="with --digest: the field that holds it, where a user set it there; messages name it"
    )
    parser.add_argument(
        "--object-version",
        type=object_version,
        help="with --digest: the version that the earlier fetch reported; S3 gives that one even if the object was overwritten",
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetch as the arguments say, and report the outcome to logs and kubelet.

    Returns:
        The exit status of the process.
    """
    try:
        record = asyncio.run(
            fetch(
                arguments.uri,
                arguments.dest,
                max_bytes=arguments.max_bytes,
                seconds=arguments.timeout,
                rules=rules_of(arguments),
                pin=pin_of(arguments),
            )
        )
    except LoadFailure as failure:
        return report_failure(failure)
    except asyncio.CancelledError:
        log.warning("fetch stopped by SIGTERM")
        return STOPPED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # an unforeseen failure must be named in the status, too
        log.exception("fetch failed in a way it has no name for")
        return report_failure(
            FetchFailed(f"{type(error).__name__}: {error}", remedy="Report this; the log has the details.")
        )
    write_termination_message(report_of(record))
    return 0


def report_of(record: ArtifactRecord) -> dict[str, str | int]:
    """The termination message of a fetch that succeeded."""
    version = {} if record.version is None else {"version": record.version}
    return {"reason": "Fetched", "digest": record.digest, "bytes": record.bytes, "uri": record.uri, **version}


def rules_of(arguments: argparse.Namespace) -> Rules:
    """The rules of the platform, from the command line.

    Raises:
        InvalidURI: a host of it cannot be read.
    """
    try:
        hosts = Hosts.parse(arguments.hosts)
    except ValueError as error:
        raise InvalidURI(f"--hosts: {error}", remedy="Correct policy.hosts of the chart.") from None
    return Rules(hosts, arguments.private_addresses == "allow", arguments.secret_hosts == "required")  # noqa: S105 -- a choice, no password


def pin_of(arguments: argparse.Namespace) -> Pin | None:
    """What the artifact must be, from the command line; None for whatever lies there.

    Raises:
        InvalidURI: what belongs to a digest is given without one.
    """
    if arguments.digest is not None:
        return Pin(arguments.digest, arguments.object_version, arguments.digest_field)
    more = {"--object-version": arguments.object_version, "--digest-field": arguments.digest_field}
    for option, value in more.items():
        if value is not None:
            raise InvalidURI(
                f"{option} is {value}, and --digest is missing, which decides about the bytes",
                remedy=f"Give --digest as well, or leave out {option}.",
            )
    return None


async def fetch(
    uri: str,
    directory: Path,
    *,
    max_bytes: int,
    seconds: float,
    environ: Mapping[str, str] = os.environ,
    rules: Rules = Rules(),  # noqa: B008 -- frozen
    pin: Pin | None = None,
) -> ArtifactRecord:
    """Copy the artifact into the directory, and write a record beside it.

    Args:
        uri: what to fetch.
        directory: where to put it; afterwards it holds the file or folder, read-only files, and the record.
        max_bytes: cap on the size.
        seconds: deadline for everything, retries included.
        environ: credentials; see `stores.store_for`.
        rules: where it may connect to.
        pin: what it must be; None for whatever lies there.

    Raises:
        LoadFailure: a FetchFailure, or InvalidArtifact for a folder or archive that may not be taken; nothing is left in
            the directory then.
    """
    location = parse_uri(uri)
    _stop_on_sigterm()
    started = time.monotonic()
    log.info("fetch started", extra={"uri": location.public, "max_bytes": max_bytes, "timeout_seconds": seconds})
    bring = Bring(location, directory, max_bytes, pin)
    record = await finish_in_time(bring, bring.run(environ, seconds, rules), seconds)
    with storage_errors(directory):
        record.write(directory)
    elapsed = round(time.monotonic() - started, 3)
    size = {"bytes": record.bytes, "files": record.files}
    log.info("fetch done", extra={"digest": record.digest, "version": record.version, **size, "seconds": elapsed})
    return record


async def finish_in_time(bring: Bring, work: Awaitable[ArtifactRecord], seconds: float) -> ArtifactRecord:
    """Wait for the work of `bring`, and log its progress.

    Raises:
        FetchTimeout: it took longer than `seconds`.
    """
    progress = asyncio.create_task(_log_progress(bring.progress))
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await work
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise FetchTimeout(_too_late(bring, seconds)) from error
    finally:
        progress.cancel()


def _too_late(bring: Bring, seconds: float) -> str:
    progress = bring.progress
    whole = f" of {format_bytes(progress.total)}" if progress.total is not None else ""
    trouble = f"; last trouble: {progress.trouble}" if progress.trouble else ""
    what = f"{format_bytes(progress.bytes)}{whole} of {bring.location.public}"
    return f"{what} {progress.verb} in {seconds:g} seconds{trouble}"


async def _log_progress(progress: Progress) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        log.info("fetching", extra={"bytes": progress.bytes, "total": progress.total})


def _stop_on_sigterm() -> None:
    """Stop at SIGTERM, which process 1 of a container would otherwise ignore."""
    task = asyncio.current_task()
    assert task is not None
    with suppress(ValueError, RuntimeError):  # only the main thread can handle signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
