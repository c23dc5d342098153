"""The log of this process: one JSON object a line, on stderr."""

import json
import logging
import sys
from datetime import UTC, datetime

from modelway_server.printable import scrub
from modelway_server.protocol.trace_context import TRACE_ID

_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the `extra` of the call, and the trace and the error if there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; texts are scrubbed, and values that JSON does not know become text."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        for key, value in vars(record).items():
            if key not in _STANDARD_ATTRIBUTES:
                fields[key] = scrub(value) if isinstance(value, str) else value
        if trace_id := TRACE_ID.get():
            fields["trace_id"] = trace_id
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def configure_logging(level: str = "INFO") -> None:
    """Send every log record of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
