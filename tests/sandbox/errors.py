"""What can go wrong with the sandbox, told to a person: what happened, where, and what to do."""


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the text names the cause and the remedy."""
