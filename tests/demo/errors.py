class DemoError(Exception):
    """Something was not as it should be; the text says what, and what to look at."""
