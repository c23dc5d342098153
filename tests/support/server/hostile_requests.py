"""Requests that mean harm: each is well-formed HTTP, and asks for more than it sends."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle, islice
from typing import Any

CONCURRENT = 50
INFER, ROWS, V1, MLFLOW = "/v2/models/model/infer", "/predict", "/v1/models/model:predict", "/invocations"


def request(path: str, body: bytes, headers: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a POST, after which the server is to close."""
    fields = {"Host": "x", "Connection": "close", "Content-Type": "application/json", "Content-Length": len(body)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (fields | dict(headers or {})).items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def hostile_requests(limit: int) -> dict[str, bytes]:
    """One of each kind, by what it is.

    Args:
        limit: the server's cap on a body.
    """
    large = limit - 1000
    return {
        "a body over the cap": request(INFER, b" " * (2 * limit)),
        "open arrays": request(INFER, b"[" * large),
        "open objects": request(ROWS, b'{"a":' * (large // 5)),
        "closed arrays": request(V1, b'{"instances": ' + b"[" * 1000 + b"]" * 1000 + b"}"),
        "empty arrays": request(V1, b'{"instances": [' + b"[]," * (large // 3) + b"[]]}"),
        "empty objects": request(ROWS, b'{"rows": [' + b"{}," * (large // 3) + b"{}]}"),
        "one long string": request(ROWS, b'{"rows": [{"city": "' + b"x" * large + b'"}]}'),
        "many names": request(ROWS, json.dumps({"rows": [{f"c{n}": 0 for n in range(large // 16)}]}).encode()),
        "one long number": request(V1, b'{"instances": [[' + b"9" * large + b"]]}"),
        "many booleans": request(V1, b'{"instances": [[' + b"true," * (large // 5) + b"true]]}"),
        "a shape of billions": request(INFER, tensor([2**31 - 1], [])),
        "a shape of more than there are": request(INFER, tensor([2**40, 2**40], [])),
        "an empty shape of billions": request(INFER, tensor([0, 2**31], [])),
        "a rank of 1000": request(INFER, tensor([1] * 1000, [1])),
        "values without a shape": request(INFER, tensor([1, 3], [0.0] * (large // 5))),
        "many outputs": request(INFER, tensor([1], [1], outputs=[{"name": str(n)} for n in range(large // 20)])),
        "a long id": request(INFER, tensor([1], [1], id="x" * large)),
        "a gzip bomb": request(V1, gzip.compress(bytes(50 * limit)), {"Content-Encoding": "gzip"}),
        "a gzip body cut off": request(V1, gzip.compress(bytes(limit))[:-9], {"Content-Encoding": "gzip"}),
        "no gzip": request(V1, b"\x1f\x8b" + b"x" * large, {"Content-Encoding": "gzip"}),
        "a header beyond the body": request(INFER, b"{}", {"Inference-Header-Content-Length": 10**17}),
        "bytes that are not there": binary([2**20, 3], "FP64", 2**31, b""),
        "strings that are not there": binary([large // 8], "BYTES", large // 8 * 4, b"\xff\xff\xff\xff" * (large // 8)),
        "empty strings": binary([large // 4], "BYTES", large // 4 * 4, bytes(large // 4 * 4)),
        "CSV of many columns": request(
            MLFLOW, b",".join(b"c%d" % n for n in range(large // 8)), {"Content-Type": "text/csv"}
        ),
        "CSV that never closes": request(MLFLOW, b'a,b\n"' + b"x,\n" * (large // 3), {"Content-Type": "text/csv"}),
        "CSV of many lines": request(MLFLOW, b"age\n" + b"1\n" * (large // 2), {"Content-Type": "text/csv"}),
        "a frame of many columns": request(
            MLFLOW, json.dumps({"dataframe_split": {"columns": list(range(large // 8)), "data": []}}).encode()
        ),
        "bad UTF-8": request(ROWS, b'{"rows": ["' + b"\xff" * 1000 + b'"]}'),
        "another type": request(ROWS, b"x" * 1000, {"Content-Type": "application/xml"}),
        "a path of 50,000 bytes": request("/" + "x" * 50_000, b"{}"),
    }


def tensor(shape: list[int], data: list[Any], **members: Any) -> bytes:
    """A V2 request of one tensor."""
    inputs = [{"name": "age", "shape": shape, "datatype": "FP64", "data": data}]
    return json.dumps({"inputs": inputs, **members}).encode()


def binary(shape: list[int], datatype: str, size: int, tail: bytes) -> bytes:
    """A V2 request of one tensor as bytes, which may lie."""
    one = {"name": "age", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}
    header = json.dumps({"inputs": [one]}).encode()
    return request(INFER, header + tail, {"Inference-Header-Content-Length": len(header)})


async def storm(host: str, port: int, requests: Iterable[bytes], count: int) -> Counter[int]:
    """Send so many requests, 50 at a time, over and over; how often each status came, 0 for none."""
    statuses: Counter[int] = Counter()
    coming: Iterator[bytes] = islice(cycle(requests), count)

    async def client() -> None:
        for content in coming:
            statuses[await _status(host, port, content)] += 1

    await asyncio.gather(*(client() for _ in range(CONCURRENT)))
    return statuses


async def _status(host: str, port: int, content: bytes) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(content)
        answer = await reader.read()
    except ConnectionError:
        return 0
    finally:
        writer.close()
    return int(answer[9:12]) if answer else 0
