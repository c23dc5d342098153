"""Words of strangers, made safe for a terminal: what a model's containers write ends in status, in Events and on somebody's screen."""


def printable(text: str) -> str:
    """The text with escapes in the place of what would steer a terminal or turn the writing around; its lines stay lines."""
    return "".join(map(_shown, text))


def one_line(text: str) -> str:
    """The same on one line."""
    return printable(" ".join(text.split()))


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode()
