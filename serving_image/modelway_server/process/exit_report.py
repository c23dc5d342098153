"""Why this process ends, for the kubelet: the termination message and the exit code.

A kubelet reads the termination message from a file and keeps 4,096 bytes of it (12 KB a pod). So the message is one line
of at most 1,500 bytes, reason first. Nothing here may fail: a report that cannot be written must not hide its cause.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelway_server.errors import LoadFailure
from modelway_server.printable import scrub_all

TERMINATION_LOG = "/dev/termination-log"
TERMINATION_LOG_VARIABLE = "MODELWAY_TERMINATION_LOG"
MAX_REPORT_BYTES = 1500


Entry = Mapping[str, str | float]
"""One of a list of like facts."""
Report = Mapping[str, "str | int | Sequence[Entry]"]
"""A document for the kubelet."""


def encode(document: Report, limit: int = MAX_REPORT_BYTES) -> bytes:
    """The document as one line of JSON of at most `limit` bytes.

    What is too long loses entries of its lists, the last ones of the last list first; then the longest text is cut, at a
    whole character.
    """
    fields = {key: scrub_all(value) for key, value in document.items()}
    while len(_dumps(fields)) > limit and (
        lists := [each for each in fields.values() if isinstance(each, list) and each]
    ):
        lists[-1].pop()
    return _cut_texts({key: value for key, value in fields.items() if value != []}, limit)


def _cut_texts(fields: dict[str, Any], limit: int) -> bytes:
    while len(line := _dumps(fields)) > limit:
        key, text = max(
            ((key, value) for key, value in fields.items() if isinstance(value, str)), key=lambda item: len(item[1])
        )
        whole = text.rstrip("…").encode()
        # A byte of text takes one or two bytes of JSON, so half of the excess can go without cutting too much.
        cut = max((len(line) - limit) // 2, 1)
        fields[key] = whole[: max(len(whole) - cut, 0)].decode(errors="ignore") + "…"
    return line


def failure_report(failure: LoadFailure) -> dict[str, str]:
    """The termination message of a failure."""
    return {"reason": failure.reason, "message": failure.message, "remedy": failure.remedy}


def write_termination_message(document: Report, environ: Mapping[str, str] = os.environ) -> None:
    """Write the document where the kubelet reads it; a file that cannot be written is ignored."""
    with (
        suppress(OSError, ValueError),
        termination_log(environ).open("wb") as file,
    ):  # a NUL in the path is a ValueError
        file.write(encode(document))


def termination_log(environ: Mapping[str, str] = os.environ) -> Path:
    """The file that the kubelet reads when this process has ended."""
    return Path(environ.get(TERMINATION_LOG_VARIABLE) or TERMINATION_LOG)


def report_failure(failure: LoadFailure, environ: Mapping[str, str] = os.environ) -> int:
    """Report to logs and kubelet why this process ends.

    Returns:
        The exit status that the process must end with.
    """
    document = failure_report(failure)
    message = document.pop("message")
    logging.getLogger("modelway_server").error(message, extra={**document, "exit_code": failure.exit_code})
    write_termination_message(failure_report(failure), environ)
    return failure.exit_code


def _dumps(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
