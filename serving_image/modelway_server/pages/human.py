"""The page for people: one file of HTML that loads nothing, whose form sends the example to the model itself.

Names of columns and classes come from a model's file and are escaped wherever they stand. The page's policy allows the
one script and the one style sheet that are in it, by their hashes.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from functools import cached_property
from html import escape
from importlib.metadata import version
from importlib.resources import files
from string import Template
from typing import Any, Final

from modelway_server.contract.signature import ROWS, Column, Dates, Form, Output, in_order
from modelway_server.pages import examples
from modelway_server.pages.program import Program
from modelway_server.pages.subject import Subject
from modelway_server.protocol.tensors import INTEGER_LIMITS

MAX_LISTED: Final = 200
"""Columns and classes that the page shows; the metadata has all."""
MAX_WORDS: Final = 12
"""Categories of one column that the page shows."""
FALLBACK_BASE: Final = "http://127.0.0.1:8080"
_HOST: Final = re.compile(rb"[A-Za-z0-9.-]{1,255}(:\d{1,5})?|\[[0-9a-f:]{2,45}\](:\d{1,5})?")
_TYPES: Final = {
    "FP16": "number",
    "FP32": "number",
    "FP64": "number",
    "BOOL": "true or false",
    "BYTES": "text",
} | dict.fromkeys(INTEGER_LIMITS, "integer")
_ZONES: Final = {
    Dates.LOCAL: "date or time, without a zone",
    Dates.ZONED: "date or time, with a zone",
    Dates.EITHER: "date or time",
}


class HumanPage:
    """The page of one model.

    Args:
        subject: the model.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        folder = files(__package__)
        self._template = Template((folder / "page.html").read_text())
        self._style = (folder / "style.css").read_text()
        self._script = (folder / "script.js").read_text()

    @cached_property
    def policy(self) -> str:
        """Its Content-Security-Policy."""
        rules = {
            "default-src": "'none'",
            "style-src": _hash(self._style),
            "script-src": _hash(self._script),
            "connect-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        return "; ".join(f"{name} {value}" for name, value in rules.items())

    def render(self, host: bytes) -> bytes:
        """The page for a request with this Host."""
        base = f"http://{host.decode()}" if _HOST.fullmatch(host) else FALLBACK_BASE
        programs = "".join(program.render(base) for program in self._programs)
        return self._template.substitute(self._fixed, base=escape(base), programs=programs).encode()

    @cached_property
    def _programs(self) -> list[Program]:
        forms = _protocols(self._subject)
        return [Program(key, path, document) for key, (_, path, document) in forms.items()]

    @cached_property
    def _fixed(self) -> dict[str, str]:
        """The parts that do not depend on the request."""
        subject = self._subject
        digest = subject.description.get("digest", "")
        return {
            "name": escape(subject.name),
            "style": self._style,
            "script": self._script,
            "facts": "".join(f"<li>{escape(fact)}</li>" for fact in _facts(subject)),
            "choices": _choices(),
            "takes": escape(_takes(subject)),
            "columns": _columns(subject),
            "outputs": _outputs(subject),
            "routes": _routes(subject),
            "max_bytes": f"{subject.max_request_bytes:,} bytes",
            "metadata": escape(f"v2/models/{subject.name}"),
            "digest": f"<code>{escape(digest)}</code> ·" if digest else "",
            "modelway": escape(version("modelway")),
            "examples": _examples(subject),
            "origin": escape(_origin(subject)),
        }


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _facts(subject: Subject) -> list[str]:
    estimator = subject.description.get("estimator", "").rpartition(".")[2]
    engine = subject.description.get("engine", "")
    version_of_model = f"version {subject.version}" if subject.version else ""
    facts = [version_of_model, estimator, subject.platform, f"engine {engine}" if engine else ""]
    return [fact for fact in facts if fact]


def _protocols(subject: Subject) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Label, path and example of each form, by its key."""
    name = subject.name
    return {
        "rows": ("Rows", "predict", examples.rows_request(subject)),
        "v2": ("V2", f"v2/models/{name}/infer", examples.v2_request(subject)),
        "v1": ("V1", f"v1/models/{name}:predict", examples.v1_request(subject)),
        "mlflow": ("MLflow", "invocations", examples.mlflow_request(subject)),
    }


def _choices() -> str:
    labels = {"rows": "Rows", "v2": "V2 (Open Inference Protocol)", "v1": "V1 (KServe)", "mlflow": "MLflow"}
    return "".join(
        f'<label><input type="radio" name="protocol" value="{key}"{" checked" * (key == "rows")}>{label}</label>'
        for key, label in labels.items()
    )


def _examples(subject: Subject) -> str:
    return "".join(
        f'<textarea hidden readonly id="example-{key}" data-path="{escape(path)}" aria-label="Example">'
        f"\n{escape(_pretty(document))}</textarea>"
        for key, (_, path, document) in _protocols(subject).items()
    )


def _origin(subject: Subject) -> str:
    origin = subject.description.get("example", "")
    return f"The example is {origin}." if origin else ""


def _pretty(document: dict[str, Any]) -> str:
    """JSON with a line for each member, and with a list of scalars in one."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+([^][{}]*?)\s+\]", lambda match: "[" + re.sub(r"\n\s+", " ", match[1]) + "]", text)


def _takes(subject: Subject) -> str:
    signature = subject.signature
    if signature.form is Form.TEXT:
        return "Each row is one text."
    if signature.form is Form.TENSORS:
        return f"Each row is an object of tensors: {', '.join(each.name for each in signature.inputs)}."
    if not signature.columns:
        return "Each row is an array of numbers, all of one length."
    used = sum(column.used for column in signature.columns)
    if signature.named:
        return f"Each row has {_values(used)}, by the column's name.{_null(signature.columns)}"
    count = _values(len(signature.columns))
    words = f"Each row has {count}: an array of them in this order, or an object by these names."
    return words + _null(signature.columns)


def _null(columns: Iterable[Column]) -> str:
    return " A missing value is null." if any(map(_may_be_missing, columns)) else ""


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _columns(subject: Subject) -> str:
    columns = subject.signature.columns
    if not columns:
        return ""
    shown = columns[:MAX_LISTED]
    listing: dict[str, list[str]] = {
        "Column": [f"<code>{escape(column.name)}</code>" for column in shown],
        "Type": list(map(_type, shown)),
        "Missing": ["may be null" if _may_be_missing(column) else "no" for column in shown],
        "Values": list(map(_categories, shown)),
        "Example": [
            f"<code>{escape(json.dumps(cell, ensure_ascii=False))}</code>" for cell in subject.cells[: len(shown)]
        ],
    }
    if not any(map(_may_be_missing, columns)):
        del listing["Missing"]
    return _table(tuple(listing), zip(*listing.values(), strict=True)) + _more(len(columns), "columns")


def _type(column: Column) -> str:
    if not column.used:
        return "any: the model drops it"
    if column.dates is not None:
        return _ZONES[column.dates]
    return _TYPES.get(column.datatype, column.datatype) if column.typed else "number, text or true and false"


def _may_be_missing(column: Column) -> bool:
    return column.nullable or not column.used


def _categories(column: Column) -> str:
    if column.categories is not None:
        return _words(in_order(column.categories))
    if column.known is not None:
        return f"{_words(in_order(column.known))}; any other is answered as unknown"
    return "any"


def _words(values: Iterable[Any]) -> str:
    known = list(values)
    shown = ", ".join(f"<code>{escape(json.dumps(value, ensure_ascii=False))}</code>" for value in known[:MAX_WORDS])
    return shown + (f" and {len(known) - MAX_WORDS:,} more" if len(known) > MAX_WORDS else "")


def _outputs(subject: Subject) -> str:
    cells = []
    for method, outputs in subject.signature.outputs.items():
        default = " (default)" if method == subject.methods[0] else ""
        cells += [
            (f"<code>{escape(output.name)}</code>{default}", escape(_shape(output)), _meaning(output))
            for output in outputs
        ]
    return _table(("Output", "Type", "Meaning"), cells)


def _shape(output: Output) -> str:
    width = " x ".join("any" if size == ROWS else str(size) for size in output.shape[1:])
    kind = _TYPES.get(output.datatype, output.datatype)
    return f"{width} x {kind}" if width else kind


def _meaning(output: Output) -> str:
    if output.columns:
        return f"columns {_words(output.columns)}"
    if output.classes is not None:
        return f"classes {_words(output.classes)}"
    return "a value a row" if len(output.shape) == 1 else "values a row"


def _routes(subject: Subject) -> str:
    cells = [(f"<code>POST /{escape(path)}</code>", escape(label)) for label, path, _ in _protocols(subject).values()]
    root = escape(f"/v2/models/{subject.name}")
    cells += [
        (f"<code>GET {root}</code>", "what the model takes and gives"),
        (f"<code>GET {root}/ready</code>", "200 when it can answer"),
    ]
    return _table(("Route", "What it is"), cells)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of cells that are HTML already."""
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _more(count: int, what: str) -> str:
    return f"<p>and {count - MAX_LISTED:,} more {what}; the metadata has all</p>" if count > MAX_LISTED else ""
