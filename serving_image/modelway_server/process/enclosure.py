"""The walls of a server, raised step by step: each process gives up what it no longer needs."""

from dataclasses import dataclass

from modelway_server.process.walls import Walls


@dataclass(frozen=True)
class Enclosure:
    """The needs of a server once its ports are bound.

    Attributes:
        walls: around this process; files are hidden already.
        workers: how many processes serve; of several, the first only supervises the others.
        bind: TCP ports that are bound later.
        connect: TCP ports that are connected to while it serves.
    """

    walls: Walls
    workers: int
    bind: tuple[int, ...] = ()
    connect: tuple[int, ...] = ()

    def before_loading(self) -> None:
        """Refuse what neither loading nor serving needs, and log which walls stand.

        Raises:
            ServerIncomplete: one does not, and they are required.
        """
        if self.workers == 1:
            self.walls.hide_processes()
        self.walls.refuse_calls(forks=self.workers > 1, bind=self.bind, connect=self.connect)
        self.walls.check()

    def in_worker(self) -> None:
        """Refuse a worker what only its supervisor needs; called before the worker calls the model."""
        if self.workers > 1:
            self.walls.hide_processes()
            self.walls.refuse_calls(bind=self.bind, connect=self.connect)

    def when_listening(self) -> None:
        """Refuse what was needed to start to listen."""
        if self.bind:
            self.walls.refuse_calls(connect=self.connect)
