"""Strings that travel as base64: MLServer's content type `base64` of a BYTES tensor.

Source: MLServer, "Content Types"; RFC 4648, section 4 (standard alphabet, with padding).
"""

import base64
import binascii
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest

BASE64: Final = "base64"


def decode_base64(values: NDArray[Any], field: str) -> NDArray[np.object_]:
    """Decode the strings of an array; missing ones stay missing.

    Raises:
        MalformedRequest: one is no base64, or not that of UTF-8.
    """
    decoded = np.empty(values.size, dtype=object)
    for index, value in enumerate(values.reshape(-1).tolist()):
        try:
            decoded[index] = None if value is None else base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise MalformedRequest(
                f"element {index} is not base64 of UTF-8 text, as content_type declares", field=field
            ) from None
    return decoded.reshape(values.shape)
