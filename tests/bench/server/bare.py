"""A bare httptools protocol around an engine of ours: what one process of Python can answer at most.

It reads and answers V2 in JSON, and does nothing else of what a server does: it checks nothing, counts nothing, bounds
nothing. What arrives in one turn of the event loop goes to the model in one call, as in our server.
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any

import httptools
import numpy as np
import orjson
import uvloop

from bench.server.dialects import METHOD
from modelway_server.engines.load import load_prepared
from modelway_server.runtimes.base import Runtime


class Batch:
    """The requests of one turn of the event loop."""

    def __init__(self, runtime: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        self._runtime = runtime
        self._loop = loop
        self._waiting: list[tuple[asyncio.Transport, bytes]] = []

    def add(self, transport: asyncio.Transport, body: bytes) -> None:
        """Answer the request at the end of this turn."""
        if not self._waiting:
            self._loop.call_soon(self._answer)
        self._waiting.append((transport, body))

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        tensors = [orjson.loads(body)["inputs"][0] for _, body in waiting]
        parts = [np.array(tensor["data"], dtype=np.float64).reshape(tensor["shape"]) for tensor in tensors]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        [(name, values)] = self._runtime.call(METHOD, rows, len(rows)).items()
        begin = 0
        for (transport, _), part in zip(waiting, parts, strict=True):
            answer = values[begin : begin + len(part)]
            begin += len(part)
            output = {"name": name, "shape": answer.shape, "datatype": _DATATYPES[answer.dtype.char]}
            document: dict[str, Any] = {"model_name": "model", "outputs": [output | {"data": answer.reshape(-1)}]}
            content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
            transport.write(_HEAD % len(content) + content)


_DATATYPES = {"f": "FP32", "d": "FP64"}
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        """A part of a body has come."""
        self._body += part

    def on_message_complete(self) -> None:
        """A request has come."""
        body, self._body = self._body, b""
        self._batch.add(self._transport, body)


async def serve(runtime: Runtime, port: int) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    batch = Batch(runtime, loop)
    server = await loop.create_server(lambda: Connection(batch), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def main() -> None:
    """Load the engine that `prepare` has chosen, and serve it."""
    parser = argparse.ArgumentParser(prog="python -m bench.server.bare", description=__doc__)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--prepared-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    runtime = load_prepared(options.model_dir, options.prepared_dir)
    runtime.warm_up()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(runtime, options.port))


if __name__ == "__main__":
    main()
