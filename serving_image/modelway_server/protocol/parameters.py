"""The `parameters` of a request, which both protocols have in the same place and with the same meaning."""

from typing import Any

from modelway_server.errors import MalformedRequest
from modelway_server.protocol.strict_json import json_type


def check_parameters(parameters: Any, field: str) -> None:
    """Refuse parameters that are no object; which of them have a meaning is not looked at.

    Raises:
        MalformedRequest: they are something else.
    """
    if parameters is not None and not isinstance(parameters, dict):
        raise MalformedRequest(f"parameters must be an object, it is {json_type(parameters)}", field=field)


def asks_for_classes(parameters: Any) -> bool:
    """Whether the answer shall name the classes: `"parameters": {"classes": true}`.

    Raises:
        MalformedRequest: the parameters are no object, or `classes` is no boolean.
    """
    check_parameters(parameters, "parameters")
    wanted = (parameters or {}).get("classes", False)
    if type(wanted) is not bool:
        raise MalformedRequest(f"classes must be true or false, it is {json_type(wanted)}", field="parameters.classes")
    return wanted


def read_content_type(parameters: Any, field: str) -> str:
    """What a tensor's values mean beside their datatype, in MLServer's words (`datetime`); empty when it is not said.

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
