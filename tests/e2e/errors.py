class E2eError(Exception):
    """The real node cannot do what was asked; the text names the cause and the remedy."""
