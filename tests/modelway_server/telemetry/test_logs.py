"""The log of the server."""

import json
import logging

from modelway_server.telemetry.logs import JsonFormatter


def test_log_record_is_one_line_of_json_with_its_fields() -> None:
    record = logging.makeLogRecord({"msg": "got %s", "args": ("https://a:b@c/d",), "levelname": "INFO", "bytes": 7})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert {"message": "got https://c/d", "bytes": 7, "level": "info"}.items() <= json.loads(line).items()
