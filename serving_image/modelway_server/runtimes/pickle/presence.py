"""Report names that this image lacks as absent, because trusting them would not help."""

import importlib.util
import sys

from modelway_server.runtimes.versions import lacks


def check_present(module: str, name: str) -> None:
    """Tell a name that is absent from one that is not allowed.

    Raises:
        AttributeError: the name belongs to the script that saved the file, or to another version of a library.
        ModuleNotFoundError: there is no such package.
    """
    if module == "__main__" or lacks(module, name):
        raise AttributeError(f"Can't get attribute '{name}' on <module '{module}'>")
    package = module.partition(".")[0]
    if package not in sys.modules and (not package or importlib.util.find_spec(package) is None):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
