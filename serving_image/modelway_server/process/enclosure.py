"""The walls of a server, raised step by step: each process of it loses what it needs no longer."""

from dataclasses import dataclass

from modelway_server.process.walls import Walls


@dataclass(frozen=True)
class Enclosure:
    """What a server still needs once its ports are bound.

    Attributes:
        walls: around this process; files are hidden already.
        workers: how many processes serve; of several the first only watches the others.
        bind: TCP ports that are bound later.
        connect: TCP ports that are connected to while it serves.
    """

    walls: Walls
    workers: int
    bind: tuple[int, ...] = ()
    connect: tuple[int, ...] = ()

    def before_loading(self) -> None:
        """Refuse what neither loading nor serving needs, and say which walls stand.

        Raises:
            ServerIncomplete: one does not, and they are required.
        """
        if self.workers == 1:
            self.walls.hide_processes()
        self.walls.refuse_calls(forks=self.workers > 1, bind=self.bind, connect=self.connect)
        self.walls.check()

    def in_worker(self) -> None:
        """Refuse a worker, before it calls the model, what only the process that watches it needs."""
        if self.workers > 1:
            self.walls.hide_processes()
            self.walls.refuse_calls(bind=self.bind, connect=self.connect)

    def when_listening(self) -> None:
        """Refuse what only starting to listen needs."""
        if self.bind:
            self.walls.refuse_calls(connect=self.connect)
