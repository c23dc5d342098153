"""The `parameters` of a request, with the same place and meaning in both protocols."""

from typing import Any, Final

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.strict_json import json_type

CLASSES: Final = "classes"
METHOD: Final = "method"
TIMEOUT: Final = "timeout"

MAX_TIMEOUT: Final = 1e9
"""A timeout of more seconds counts as none."""


def check_parameters(parameters: Any, field: str) -> None:
    """Refuse parameters that are no object; unknown ones are ignored.

    Raises:
        MalformedRequest: they are something else.
    """
    if parameters is not None and not isinstance(parameters, dict):
        raise MalformedRequest(f"parameters must be an object, it is {json_type(parameters)}", field=field)


def asks_for_classes(parameters: Any, field: str = "parameters") -> bool:
    """Whether the request asks for the classes: `"parameters": {"classes": true}`.

    Raises:
        MalformedRequest: the parameters are no object, or `classes` is no boolean.
    """
    return read_flag(parameters, CLASSES, field)


def read_flag(parameters: Any, name: str, field: str, *, default: bool = False) -> bool:
    """A parameter that is true or false.

    Args:
        parameters: the member as parsed.
        name: of the parameter.
        field: where the parameters stand in the request.
        default: what counts when it is not there.

    Raises:
        MalformedRequest: the parameters are no object, or it is no boolean.
    """
    check_parameters(parameters, field)
    value = (parameters or {}).get(name, default)
    if type(value) is not bool:
        raise MalformedRequest(f"{name} must be true or false, it is {json_type(value)}", field=f"{field}.{name}")
    return value


def read_content_type(parameters: Any, field: str) -> str:
    """The content type of values, in MLServer's words (`datetime`, `base64`); empty when there is none.

    Raises:
        MalformedRequest: the parameters are no object, or the content type is no string.
    """
    check_parameters(parameters, field)
    content_type = (parameters or {}).get("content_type", "")
    if not isinstance(content_type, str):
        raise MalformedRequest(
            f"content_type must be a string, it is {json_type(content_type)}", field=f"{field}.content_type"
        )
    return content_type


def read_method(parameters: Any, field: str) -> str:
    """The requested method: `"parameters": {"method": "predict_proba"}`; empty when there is none.

    Raises:
        MalformedRequest: the parameters are no object, or the method is no string.
    """
    check_parameters(parameters, field)
    method = (parameters or {}).get(METHOD, "")
    if not isinstance(method, str):
        raise MalformedRequest(f"method must be a string, it is {json_type(method)}", field=f"{field}.method")
    return method


def read_timeout(parameters: Any, field: str) -> float | None:
    """Seconds in which the caller wants the answer: `"parameters": {"timeout": 0.25}`; None when there is no timeout.

    Raises:
        MalformedRequest: the parameters are no object, or the timeout is no number above 0.
    """
    check_parameters(parameters, field)
    timeout = (parameters or {}).get(TIMEOUT)
    if timeout is None:
        return None
    if type(timeout) not in {int, float} or timeout <= 0:
        raise MalformedRequest(f"{TIMEOUT} must be seconds, a number above 0", field=f"{field}.{TIMEOUT}")
    return float(min(timeout, MAX_TIMEOUT))
