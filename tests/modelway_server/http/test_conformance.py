"""What RFC 9112 and RFC 9110 have a server answer to heads, on both ports: the exact status, and whether the connection is kept."""

import json
import re

import pytest

from support.models import WINE
from support.server.served import Served
from support.server.sockets import raw

PATHS = {"http": "/v2", "metrics": "/livez"}
"""A page of each port."""
HEADS: dict[str, tuple[str, int, bool]] = {
    # RFC 9112, section 3.2: 400 for no Host, more than one, or one that is no host
    "no host": ("GET PATH HTTP/1.1", 400, True),
    "two hosts": ("GET PATH HTTP/1.1\r\nHost: x\r\nHost: y", 400, True),
    "one host twice": ("GET PATH HTTP/1.1\r\nHost: x\r\nHost: x", 400, True),
    "a list of hosts": ("GET PATH HTTP/1.1\r\nHost: x, y", 400, True),
    "a host with a space": ("GET PATH HTTP/1.1\r\nHost: x y", 400, True),
    "a host with a path": ("GET PATH HTTP/1.1\r\nHost: x/y", 400, True),
    "a host with a user": ("GET PATH HTTP/1.1\r\nHost: a@x", 400, True),
    "a host with a scheme": ("GET PATH HTTP/1.1\r\nHost: http://x", 400, True),
    "a port that is none": ("GET PATH HTTP/1.1\r\nHost: x:8a", 400, True),
    "two ports": ("GET PATH HTTP/1.1\r\nHost: x:80:80", 400, True),
    "an open bracket": ("GET PATH HTTP/1.1\r\nHost: [::1", 400, True),
    "a host cut off in a percent code": ("GET PATH HTTP/1.1\r\nHost: x%2", 400, True),
    "a host of other letters": ("GET PATH HTTP/1.1\r\nHost: \xfcx", 400, True),
    "an empty host": ("GET PATH HTTP/1.1\r\nHost:", 200, True),
    "a host with a port": ("GET PATH HTTP/1.1\r\nHost: my_host.svc:8080", 200, True),
    "a host with an empty port": ("GET PATH HTTP/1.1\r\nHost: x:", 200, True),
    "an IPv6 host": ("GET PATH HTTP/1.1\r\nHost: [fd00::1]:8080", 200, True),
    "an IPv6 host with a zone": ("GET PATH HTTP/1.1\r\nHost: [fe80::1%25eth0]", 200, True),
    "a host within white space": ("GET PATH HTTP/1.1\r\nHost: \t x \t ", 200, True),
    # section 3.2: the forms of a target
    "a fragment": ("GET PATH#a HTTP/1.1\r\nHost: x", 400, True),
    "a query": ("GET PATH?a=b HTTP/1.1\r\nHost: x", 200, True),
    "an absolute form of another host": ("GET http://y:1PATH HTTP/1.1\r\nHost: x", 200, True),
    "an authority": ("GET x:80 HTTP/1.1\r\nHost: x", 400, False),
    "a relative path": ("GET v2 HTTP/1.1\r\nHost: x", 400, False),
    "an asterisk without OPTIONS": ("GET * HTTP/1.1\r\nHost: x", 400, True),
    # sections 2.3 and 9.3: versions, and connections that are kept
    "HTTP/1.0": ("GET PATH HTTP/1.0", 200, False),
    "HTTP/1.0 that asks to be kept": ("GET PATH HTTP/1.0\r\nConnection: keep-alive", 200, False),
    "HTTP/1.1 that asks to be closed": ("GET PATH HTTP/1.1\r\nHost: x\r\nConnection: a, Close", 200, False),
    "HTTP/1.2": ("GET PATH HTTP/1.2\r\nHost: x", 400, False),
    "HTTP/2 without a preface": ("GET PATH HTTP/2.0\r\nHost: x", 400, False),
    "a version in small letters": ("GET PATH http/1.1\r\nHost: x", 400, False),
    # RFC 9110, sections 9.1, 9.3.6 and 10.1.1
    "a method that nobody knows": ("BREW PATH HTTP/1.1\r\nHost: x", 400, False),
    "a method in small letters": ("get PATH HTTP/1.1\r\nHost: x", 400, False),
    "CONNECT": ("CONNECT x:80 HTTP/1.1\r\nHost: x:80", 405, False),
    "an expectation that nobody knows": ("GET PATH HTTP/1.1\r\nHost: x\r\nExpect: a-cat", 200, True),
    # section 7.8: an offer of another protocol, which may be ignored, and must be in HTTP/1.0
    "an offer": ("GET PATH HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c", 200, True),
    "an offer without Connection": ("GET PATH HTTP/1.1\r\nHost: x\r\nUpgrade: h2c", 200, True),
    "an offer, and the end": ("GET PATH HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, Close\r\nUpgrade: h2c", 200, False),
    "an offer, and another word": (
        "GET PATH HTTP/1.1\r\nHost: x\r\nConnection: disclose, Upgrade\r\nUpgrade: h2c",
        200,
        True,
    ),
    "an offer in HTTP/1.0": ("GET PATH HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: h2c", 200, False),
    # RFC 9112, section 2.2: an empty line before a request
    "an empty line before": ("\r\nGET PATH HTTP/1.1\r\nHost: x", 200, True),
}


@pytest.mark.parametrize("port", PATHS)
@pytest.mark.parametrize("name", HEADS)
def test_head_is_answered_as_the_standard_has_it(forest: Served, name: str, port: str) -> None:
    head, status, is_kept = HEADS[name]
    later = "GET PATH HTTP/1.1\r\nHost: x\r\nConnection: close"
    content = f"{head}\r\n\r\n{later}\r\n\r\n".replace("PATH", PATHS[port]).encode("latin-1")
    answers = raw(forest, content, port=port)
    assert re.findall(rb"HTTP/1.1 (\d{3}) ", answers) == [
        b"%d" % code for code in ([status, 200] if is_kept else [status])
    ]


@pytest.mark.parametrize("codings", ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked"])
def test_transfer_coding_beside_chunked_is_refused(forest: Served, codings: str) -> None:
    """Section 6.1: the body would be read as if it were not packed."""
    body = json.dumps({"instances": WINE[:1].tolist()})
    head = f"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: {codings}\r\n\r\n"
    answer = raw(forest, f"{head}{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Transfer-Encoding" in answer


@pytest.mark.parametrize("port", PATHS)
def test_options_of_the_server_name_its_methods(forest: Served, port: str) -> None:
    answer = raw(forest, b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port=port)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: GET, HEAD" in answer
