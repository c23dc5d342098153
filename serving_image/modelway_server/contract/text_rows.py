"""Read rows of models that take one string a row."""

from collections.abc import Sequence
from typing import Any

from modelway_server.errors import InvalidInput
from modelway_server.protocol.strict_json import json_type
from modelway_server.protocol.tensors import Tensor


def texts_of_tensors(tensors: Sequence[Tensor]) -> list[str]:
    """The strings of a V2 request: one tensor of them.

    Raises:
        InvalidInput: there are several tensors, values of another type, or no rows.
    """
    tensor = tensors[0]
    if len(tensors) > 1:
        raise InvalidInput("this model takes one tensor of strings", field=f"{tensors[1].field}.name")
    if tensor.datatype != "BYTES":
        raise InvalidInput(
            f"this model takes strings: datatype BYTES, not {tensor.datatype}", field=f"{tensor.field}.datatype"
        )
    if len(tensor.shape) != 1 and tensor.shape[1:] != (1,):
        raise InvalidInput(
            f"this model takes one string a row: shape [rows], not {list(tensor.shape)}", field=f"{tensor.field}.shape"
        )
    return _check_texts(tensor.values.reshape(-1).tolist(), f"{tensor.field}.data")


def texts_of_instances(instances: Sequence[Any], member: str) -> list[str]:
    """The strings of a V1 request.

    Raises:
        InvalidInput: a row is no string.
    """
    # a row of one string is as common as the bare string
    return _check_texts([row[0] if type(row) is list and len(row) == 1 else row for row in instances], member)


def _check_texts(values: list[Any], field: str) -> list[str]:
    for row, value in enumerate(values):
        if type(value) is not str:
            raise InvalidInput(
                f"this model takes one string a row, this is {json_type(value)}", field=f"{field}[{row}]"
            )
    if not values:
        raise InvalidInput("there are no rows; send at least one", field=field)
    return values
