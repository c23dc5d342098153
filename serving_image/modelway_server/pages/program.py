"""One request as a curl command and as a Python program, in HTML for the page for people."""

import json
import shlex
from collections.abc import Mapping
from html import escape
from pprint import pformat
from string import Template
from typing import Any, Final

ANSWERS: Final = {"rows": "rows", "v2": "outputs", "v1": "predictions", "mlflow": "predictions"}
"""The member of each protocol's answer that a program prints."""
FIRST: Final = "rows"
"""The protocol that is shown first."""
_PYTHON: Final = Template("""import json
import urllib.request

body = $body
request = urllib.request.Request(
    $url,
    data=json.dumps(body).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)[$part])""")


class Program:
    """A request of one protocol, written as programs.

    Args:
        protocol: its key, one of ANSWERS.
        path: of its route, without a slash before it.
        document: that is sent.
    """

    def __init__(self, protocol: str, path: str, document: Mapping[str, Any]) -> None:
        self._protocol = protocol
        self._path = path
        self._json = shlex.quote(json.dumps(document, ensure_ascii=False))
        self._literal = pformat(document, sort_dicts=False, width=88)

    def render(self, base: str) -> str:
        """The HTML for requests to this address."""
        url, key = f"{base}/{self._path}", self._protocol
        part = json.dumps(ANSWERS[key])
        curl = f"curl {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d {self._json}"
        python = _PYTHON.substitute(body=self._literal, url=repr(url), part=part)
        return (
            f'<div class="program" data-protocol="{key}"{"" if key == FIRST else " hidden"}>'
            f'<h3>curl</h3><pre tabindex="0"><code id="curl-{key}">{escape(curl)}</code></pre>'
            f'<h3>Python</h3><pre tabindex="0"><code id="python-{key}">{escape(python)}</code></pre></div>'
        )
