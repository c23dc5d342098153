"""Make foreign text safe for a terminal, because the output of a model's containers ends in status, in Events and on screens."""


def printable(text: str) -> str:
    """The text with escapes for characters that control a terminal or reverse the writing; line breaks stay."""
    return "".join(map(_show, text))


def one_line(text: str) -> str:
    """The same text on one line."""
    return printable(" ".join(text.split()))


def _show(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode()
