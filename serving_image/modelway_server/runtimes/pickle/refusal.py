"""Refuse a file: say what it does, by which rule it is refused, where, and what its author can do."""

from enum import StrEnum

from modelway_server.errors import InvalidArtifact, UnsafeArtifact


class Rule(StrEnum):
    """The rules, by the names that messages and docs/formats.md give them."""

    OPCODES = "opcodes"
    """Only what models are written with; nothing that leads out of the file."""
    BOUNDS = "bounds"
    """Depth and sizes are those that the file has bytes for."""
    NAMES = "names"
    """Only names that are listed, or that somebody trusts."""
    CALLS = "calls"
    """Only a listed name is called; never an object, a method or what a call returned."""
    ARGUMENTS = "arguments"
    """What is called has the arguments that its own library writes."""
    STATE = "state"
    """Only instances of listed classes get a state."""
    ATTRIBUTES = "attributes"
    """No state hides a method, or sets what Python or NumPy ask an object for."""
    METHODS = "methods"
    """An attribute that names a method names one that estimators have."""
    MEMBERS = "members"
    """The members of an ensemble or a pipeline are estimators."""
    FUNCTIONS = "functions"
    """A callable in a state is a listed function on arrays."""
    FILES = "files"
    """Nothing opens what the rows of a request name."""
    STRUCTURE = "structure"
    """Indices of trees, sparse matrices and tables lead to what is there."""


_TRUST = "If you made the model and it needs {name}, add that name to spec.model.trustedTypes; if you did not, do not load this file anywhere."
_ANEW = "If you made the model, save it again with joblib.dump or pickle.dump from the object that fit returned; if you did not, do not load this file anywhere."


def refuse(
    rule: Rule, what: str, at: int = -1, *, name: str | None = None, remedy: str | None = None
) -> UnsafeArtifact:
    """The failure of a file that a rule refuses.

    Args:
        rule: the rule.
        what: subject and verb of what the file does: "the file names os.system".
        at: byte of the unpacked file, or -1.
        name: a name that the remedy says to trust.
        remedy: another remedy than the usual ones.
    """
    place = f"rule {rule}" + (f", byte {at}" if at >= 0 else "")
    usual = _TRUST.format(name=clip(name)) if name else _ANEW
    return UnsafeArtifact(f"{what} ({place})", remedy=remedy or usual)


def damaged(what: str) -> InvalidArtifact:
    """The failure of a file that ends early, or says what no writer says."""
    return InvalidArtifact(
        f"the file is truncated or damaged ({what})",
        remedy="Compare its size and checksum with the file that was saved, and upload it again.",
    )


def clip(text: str) -> str:
    """A name out of a file, in at most 120 printable characters."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= 120 else f"{shown[:117]}..."
