"""Refuse a file: say what it does, where, which rule refuses it, and what its author can do."""

from enum import StrEnum

from modelway_server.errors import InvalidArtifact, UnsafeArtifact


class Rule(StrEnum):
    """The rules, by the names that messages and docs/formats.md give them."""

    OPCODES = "opcodes"
    """A file uses only opcodes that models need; nothing leads out of the file."""
    BOUNDS = "bounds"
    """The file has bytes for its depth and its sizes."""
    NAMES = "names"
    """A file uses only listed or trusted names."""
    CALLS = "calls"
    """A file calls only listed names; never an object, a method or the result of a call."""
    ARGUMENTS = "arguments"
    """A call has the arguments that its own library writes."""
    STATE = "state"
    """Only instances of listed classes get a state."""
    ATTRIBUTES = "attributes"
    """No state hides a method, or sets a special attribute of Python or NumPy."""
    METHODS = "methods"
    """An attribute that names a method names one of estimators."""
    MEMBERS = "members"
    """The members of an ensemble or a pipeline are estimators."""
    FUNCTIONS = "functions"
    """A callable in a state is a listed function on arrays."""
    FILES = "files"
    """No object opens files that the rows of a request name."""
    STRUCTURE = "structure"
    """No index of a tree, sparse matrix or table leads out of it."""


_TRUST = "Add {name} to spec.model.trustedTypes if you made the model and it needs that name; if you did not make it, do not load this file anywhere."
_ANEW = "Save the model again with joblib.dump or pickle.dump from the object that fit returned, if you made it; if you did not, do not load this file anywhere."


def refuse(
    rule: Rule, what: str, at: int = -1, *, name: str | None = None, remedy: str | None = None
) -> UnsafeArtifact:
    """Return the failure of a file that a rule refuses.

    Args:
        rule: the rule.
        what: what the file does, with subject and verb: "the file names os.system".
        at: the byte of the unpacked file, or -1.
        name: the name that the remedy advises to trust.
        remedy: a remedy in place of the usual ones.
    """
    place = f"rule {rule}" + (f", byte {at}" if at >= 0 else "")
    usual = _TRUST.format(name=clip(name)) if name else _ANEW
    return UnsafeArtifact(f"{what} ({place})", remedy=remedy or usual)


def damage(what: str) -> InvalidArtifact:
    """Return the failure of a file that ends early, or that no writer writes."""
    return InvalidArtifact(
        f"the file is truncated or damaged ({what})",
        remedy="Compare its size and checksum with the file that was saved, and upload it again.",
    )


def of_python_2() -> InvalidArtifact:
    """Return the failure of a file with a text that is none in Python 3: Python 2 has written it, or it is damaged."""
    return InvalidArtifact(
        "the file was saved by Python 2, or it is truncated or damaged: it holds a text that is not ASCII",
        remedy="Train the model again with Python 3 and the library versions of the server's image, and save it with joblib.dump.",
    )


def clip(text: str) -> str:
    """Shorten a name out of a file to at most 120 printable characters."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= 120 else f"{shown[:117]}..."
