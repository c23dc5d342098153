"""Shell completion: of `modelway` by argcomplete, and of `kubectl modelway` in the form that kubectl asks plugins for.

A shell asks by running the command itself with the line typed so far; nothing but the command line's definition is imported then.
"""

import argparse
import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

SHELLS = ("bash", "zsh", "fish")
_ASKED = "_ARGCOMPLETE"
_CLUSTER_SECONDS = 2
_KUBECTL_NO_FILES = 4
"""ShellCompDirectiveNoFileComp of the library that kubectl's own completion uses."""


def run(arguments: argparse.Namespace) -> int:
    """Print the script for a shell."""
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415 -- only where completion is asked for

    print(shellcode(["modelway"], shell=arguments.shell))
    return 0


def is_requested() -> bool:
    """Whether a shell wants completions and not the command itself."""
    return _ASKED in os.environ


def answer(parser: argparse.ArgumentParser) -> None:
    """Say what may follow, and end the process."""
    try:
        import argcomplete  # noqa: PLC0415
    except ImportError:
        sys.exit(1)
    argcomplete.autocomplete(parser, always_complete_options=False)


def complete_for_kubectl() -> None:
    """The program `kubectl_complete-modelway`: completions of its arguments, one a line, then what kubectl is to do with them."""
    from modelway.cli.commands import parser  # noqa: PLC0415 -- it imports this module

    for word in _completions(parser(), sys.argv[1:]):
        print(word)
    print(f":{_KUBECTL_NO_FILES}")


def names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The names of the ModelDeployments that begin with `prefix`, asked by kubectl, which starts faster than a client of our own."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return []
    options = {"--namespace": "namespace", "--context": "context", "--kubeconfig": "kubeconfig"}
    flags = [f"{option}={value}" for option, name in options.items() if (value := getattr(parsed_args, name, None))]
    command = [
        kubectl,
        "get",
        "modeldeployments.modelway.dev",
        "-o",
        "name",
        f"--request-timeout={_CLUSTER_SECONDS}s",
        *flags,
    ]
    try:
        names = subprocess.run(  # noqa: S603 -- our own command line
            command, capture_output=True, text=True, check=True, timeout=2 * _CLUSTER_SECONDS
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    return [name for one in names if (name := one.rpartition("/")[2]).startswith(prefix)]


def _completions(parser: argparse.ArgumentParser, words: list[str]) -> list[str]:
    """What may take the place of the last word."""
    try:
        import argcomplete  # noqa: PLC0415
    except ImportError:
        return []
    line = " ".join(["modelway", *map(shlex.quote, words[:-1]), words[-1] if words else ""])
    os.environ |= {_ASKED: "1", "COMP_LINE": line, "COMP_POINT": str(len(line.encode())), "_ARGCOMPLETE_IFS": "\n"}
    written = io.BytesIO()
    with suppress(SystemExit):
        argcomplete.autocomplete(
            parser, exit_method=_leave, output_stream=_Text(written), always_complete_options=False
        )
    return [word.rstrip() for word in written.getvalue().decode().split("\n") if word.strip()]


_leave: Callable[[int], None] = sys.exit


class _Text(io.TextIOWrapper):
    """Text that stays readable after argcomplete has closed what it wrote to."""

    def close(self) -> None:
        self.flush()
