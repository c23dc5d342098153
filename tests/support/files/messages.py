"""Protocol buffers written field by field, for messages whose definition is not installed."""


def message(*fields: tuple[int, "bytes | str | int"]) -> bytes:
    """A message of fields, each a number with bytes (or a text, or another message) or an integer."""
    return b"".join(_field(number, value) for number, value in fields)


def _field(number: int, value: "bytes | str | int") -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    head = b""
    while value >= 0x80:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])
