"""One request as a person sends it: a curl command and a Python program, as HTML of the page for people."""

import json
import shlex
from collections.abc import Mapping
from html import escape
from pprint import pformat
from string import Template
from typing import Any, Final

ANSWERS: Final = {"rows": "rows", "v2": "outputs", "v1": "predictions", "mlflow": "predictions"}
"""What stands in the answer of each protocol that a program wants."""
FIRST: Final = "rows"
"""The protocol that is shown until another is chosen."""
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
        """The HTML for who asks under this address."""
        url, key = f"{base}/{self._path}", self._protocol
        part = json.dumps(ANSWERS[key])
        curl = f"curl {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d {self._json}"
        python = _PYTHON.substitute(body=self._literal, url=repr(url), part=part)
        return (
            f'<div class="program" data-protocol="{key}"{"" if key == FIRST else " hidden"}>'
            f'<h3>curl</h3><pre tabindex="0"><code id="curl-{key}">{escape(curl)}</code></pre>'
            f'<h3>Python</h3><pre tabindex="0"><code id="python-{key}">{escape(python)}</code></pre></div>'
        )
