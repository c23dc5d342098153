"""`python -m support.cluster.forward PORT ADDRESS TARGET`: carry connections of a local port to another address until it is ended."""

import asyncio
import sys

from sandbox.endpoints import Address
from sandbox.splice import Listener


async def main(port: int, address: str, target: int) -> None:
    """Listen on 127.0.0.1, for ever."""
    await Listener(Address("127.0.0.1", port)).set_backends((Address(address, target),))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
