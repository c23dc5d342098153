"""Which way of making containers works on this machine, found out by making one."""

import os
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.node.process import Launch, StartError, start

REMEDY = (
    "Pods need namespaces. Run the sandbox as root, or allow them to ordinary users: "
    "`sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=65536` and, on Ubuntu, "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`; in a container, run it with the capability SYS_ADMIN."
)


async def user_namespaces_work(directory: Path) -> bool:
    """Whether containers can have user namespaces; False for root on a machine without them, who can do without.

    Raises:
        SandboxError: containers cannot be made at all; the message names the remedy.
    """
    try:
        await _try(directory, user_namespace=True)
    except StartError as error:
        if os.geteuid() != 0:
            raise SandboxError(f"{error}\n{REMEDY}") from error
    else:
        return True
    try:
        await _try(directory, user_namespace=False)
    except StartError as error:
        raise SandboxError(f"{error}\n{REMEDY}") from error
    return False


async def _try(directory: Path, *, user_namespace: bool) -> None:
    root = directory / "trial"
    root.mkdir(parents=True, exist_ok=True)
    launch = Launch(
        argv=["true"],
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        hostname="trial",
        root=str(root),
        mounts=[],
        visible=[],
        hidden=str(directory),
        readonlyRoot=True,
        userNamespace=user_namespace,
        user=65532,
    )
    descriptor = os.open(os.devnull, os.O_RDWR)
    try:
        process = await start(launch, [descriptor, descriptor], lambda _: None)
        await process.exit
    finally:
        os.close(descriptor)
        root.rmdir()
