"""The OpenAPI document of one served model.

Source: OpenAPI Specification 3.1.1; the schemas are JSON Schema 2020-12.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from modelway_server.pages import examples, schemas
from modelway_server.pages.schemas import Schema
from modelway_server.pages.subject import Subject
from modelway_server.protocol.parameters import CLASSES, METHOD
from modelway_server.protocol.rows import methods_to_call
from modelway_server.protocol.v2 import MAX_ID_LENGTH

JSON: Final = "application/json"
_ERRORS: Final[Mapping[int, str]] = {
    400: "The message is not the protocol's: no JSON, a missing member, a shape that does not match its data.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "Another Content-Type or Content-Encoding.",
    422: "The rows are not what the model was trained on; the field at fault is named.",
    429: "Too many requests wait already.",
    500: "The model failed on rows that it should accept.",
    503: "The server is loading, going, or has too much to do.",
    504: "The prediction took too long.",
}
_RETRY: Final = {"Retry-After": {"description": "Seconds until another try.", "schema": {"type": "integer"}}}


def document(subject: Subject) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.1",
        "info": _info(subject),
        "servers": [{"url": "/"}],
        "paths": _predictions(subject) | _metadata(subject),
        "components": {
            "schemas": schemas.components(subject.signature),
            "responses": {f"Error{status}": _error(status) for status in _ERRORS},
        },
    }


def _info(subject: Subject) -> dict[str, Any]:
    version_of_model = f" version {subject.version}" if subject.version else ""
    return {
        "title": f"The model {subject.name}",
        "version": subject.version or version("modelway"),
        "summary": f"Predictions of {subject.name}{version_of_model}",
        "description": "Four ways to ask one model; `/docs` is a page for people. A missing value is null.",
    }


def _predictions(subject: Subject) -> dict[str, Any]:
    name, signature = subject.name, subject.signature
    methods = methods_to_call(subject.methods)
    properties = {
        CLASSES: {"type": "boolean", "description": "Name the classes in the answer."},
        METHOD: {"enum": list(subject.methods), "description": "Which method shall answer."},
    }
    parameters: Schema = {"type": ["object", "null"], "properties": properties}
    predictions = _object({"predictions": {"type": "array", "items": schemas.prediction(signature)}, "classes": {}}, 1)
    answered = {"type": "array", "items": schemas.answered_row(methods, signature)}
    rows = _operation(
        "predictRows",
        "Rows by their columns, answered with words",
        _object({"rows": _ref("Rows")}, 1),
        examples.rows_request(subject),
        _object({"model": {"type": "string"}, "rows": answered, "version": {"type": "string"}}, 2),
    )
    v1 = _operation(
        "predictV1",
        "KServe's V1 protocol",
        _v1(subject, parameters),
        examples.v1_request(subject),
        predictions,
    )
    return {
        "/predict": {"post": rows},
        f"/v2/models/{name}/infer": {"post": _infer(subject)},
        f"/v1/models/{name}:predict": {"post": v1},
        "/invocations": {"post": _invocations(subject, parameters, predictions)},
    }


def _v1(subject: Subject, parameters: Schema) -> Schema:
    instances = _object({"instances": _ref("Rows"), "parameters": parameters}, 1)
    inputs = _object({"inputs": {"anyOf": [_ref("Rows"), _columns()]}, "parameters": parameters}, 1)
    return {"oneOf": [instances, inputs]} if subject.signature.columns else instances


def _columns() -> Schema:
    return {
        "type": "object",
        "description": "Columns by name, arrays of equal length.",
        "additionalProperties": {"type": "array"},
    }


def _infer(subject: Subject) -> dict[str, Any]:
    requested_output = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"enum": _output_names(subject)}, "parameters": _ref("Parameters")},
    }
    request = _object(
        {
            "inputs": {"type": "array", "minItems": 1, "items": _ref("Tensor")},
            "outputs": {"type": "array", "items": requested_output},
            "id": {"type": "string", "maxLength": MAX_ID_LENGTH},
            "parameters": _ref("Parameters"),
        },
        1,
    )
    answer = _object(
        {
            "model_name": {"const": subject.name},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": _ref("OutputTensor")},
            "model_version": {"type": "string"},
        },
        3,
    )
    operation = _operation("infer", "Open Inference Protocol V2", request, examples.v2_request(subject), answer)
    operation["description"] = (
        "Tensors may follow the JSON as bytes: send their `binary_data_size` as a parameter of each, and the length of "
        "the JSON as the header Inference-Header-Content-Length. `binary_data` of an output, or `binary_data_output` of "
        "the request, asks for bytes in the answer."
    )
    header = {"name": "Inference-Header-Content-Length", "in": "header", "schema": {"type": "integer", "minimum": 1}}
    operation["parameters"] = [header]
    operation["requestBody"]["content"]["application/octet-stream"] = {}
    operation["responses"]["200"]["content"]["application/octet-stream"] = {}
    return operation


def _invocations(subject: Subject, parameters: Schema, answer: Schema) -> dict[str, Any]:
    split = _object({"data": {"type": "array"}, "columns": {"type": ["array", "null"]}, "index": {}}, 1)
    forms = {
        "dataframe_split": split,
        "dataframe_records": {"type": "array", "items": {"type": "object"}},
        "instances": _ref("Rows"),
        "inputs": {"anyOf": [_ref("Rows"), _columns()]},
    }
    request = {"oneOf": [_object({form: schema, "params": parameters}, 1) for form, schema in forms.items()]}
    operation = _operation(
        "invocations", "MLflow's scoring protocol", request, examples.mlflow_request(subject), answer
    )
    operation["requestBody"]["content"]["text/csv"] = {
        "schema": {
            "type": "string",
            "description": "As DataFrame.to_csv writes it: the first line names the columns, and an empty field is missing.",
        }
    }
    return operation


def _operation(
    operation_id: str, summary: str, request: Schema, example: dict[str, Any], answer: Schema
) -> dict[str, Any]:
    content = {
        JSON: {"schema": request, "examples": {"one": {"summary": "A row that the model answers", "value": example}}}
    }
    responses = {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in _ERRORS}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["Predictions"],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _ok(answer), **responses},
    }


def _metadata(subject: Subject) -> dict[str, Any]:
    root = f"/v2/models/{subject.name}"
    live, ready = _object({"live": {"type": "boolean"}}, 1), _object({"ready": {"type": "boolean"}}, 1)
    about = _object({"name": {"type": "string"}, "inputs": {"type": "array"}, "outputs": {"type": "array"}}, 3)
    listing = _object({"models": {"type": "array", "items": {"type": "string"}}}, 1)
    pages = {
        root: ("modelMetadata", "What the model takes and gives", about, False),
        f"{root}/ready": ("modelReady", "Whether the model can answer", ready, True),
        "/v2": ("serverMetadata", "The server's name, version and extensions", {"type": "object"}, False),
        "/v2/health/live": ("live", "Whether the server lives", live, False),
        "/v2/health/ready": ("ready", "Whether the server can answer", ready, True),
        "/ping": ("ping", "Whether the server can answer", ready, True),
        "/health": ("health", "Whether the server can answer", ready, True),
        "/v2/models": ("modelsV2", "Its models", listing, False),
        "/v1/models": ("modelsV1", "Its models", listing, False),
        f"/v1/models/{subject.name}": ("modelReadyV1", "Whether the model can answer", ready, True),
    }
    return {
        path: {"get": _page(operation_id, summary, schema, may_wait=may_wait)}
        for path, (operation_id, summary, schema, may_wait) in pages.items()
    }


def _page(operation_id: str, summary: str, schema: Schema, *, may_wait: bool) -> dict[str, Any]:
    responses = {"200": _ok(schema)} | ({"503": _ok(schema) | {"description": "It cannot."}} if may_wait else {})
    return {"operationId": operation_id, "summary": summary, "tags": ["About the model"], "responses": responses}


def _output_names(subject: Subject) -> list[str]:
    names = [output.name for outputs in subject.signature.outputs.values() for output in outputs]
    return list(dict.fromkeys([*subject.methods, *names]))


def _error(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {"description": _ERRORS[status], "content": {JSON: {"schema": _ref("Error")}}}
    return response | ({"headers": _RETRY} if status in {429, 503, 504} else {})


def _ok(schema: Schema) -> dict[str, Any]:
    return {"description": "The answer.", "content": {JSON: {"schema": schema}}}


def _object(properties: dict[str, Schema], required: int) -> Schema:
    """An object whose first `required` members are required."""
    return {"type": "object", "required": list(properties)[:required], "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
