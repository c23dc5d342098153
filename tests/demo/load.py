"""Steady load on one endpoint: keep-alive connections in threads, every answer counted, nothing retried.

`python -m demo.load FILE URL` posts the body in a file until it is stopped by Ctrl-C, and says what came back.
"""

import argparse
import http.client
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10.0


@dataclass
class Tally:
    """What came back."""

    versions: Counter[str] = field(default_factory=Counter)
    """Answers of status 200 by the model version they name."""
    failures: Counter[str] = field(default_factory=Counter)
    """Everything else: other statuses, and connections that broke, by what happened."""
    milliseconds: list[float] = field(default_factory=list)
    """How long each answered request took."""

    @property
    def requests(self) -> int:
        return self.versions.total() + self.failures.total()

    @property
    def failed(self) -> int:
        return self.failures.total()

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share (0 to 1) of the answers stayed below."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0

    def add(self, other: "Tally") -> None:
        """Take in what another connection counted."""
        self.versions.update(other.versions)
        self.failures.update(other.failures)
        self.milliseconds.extend(other.milliseconds)


class Load:
    """POSTs the same body over several connections, one request at a time on each, until stopped.

    A connection is used until the server closes it, as clients do: a server that goes away without draining shows as
    failures here.
    """

    def __init__(self, url: str, body: bytes, *, connections: int = 4, pause: float = 0.05) -> None:
        """Prepare the load.

        Args:
            url: where to POST.
            body: the JSON request.
            connections: how many clients.
            pause: seconds each client waits between an answer and its next request.
        """
        self._url = urlsplit(url)
        self._body = body
        self._pause = pause
        self._stop = threading.Event()
        self._tallies = [Tally() for _ in range(connections)]
        self._threads = [threading.Thread(target=self._client, args=(tally,), daemon=True) for tally in self._tallies]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def requests(self) -> int:
        """How many requests ended so far."""
        return sum(tally.requests for tally in self._tallies)

    def tally(self) -> Tally:
        """Everything that was counted; meant for after the load has stopped."""
        total = Tally()
        for tally in self._tallies:
            total.add(tally)
        return total

    def _client(self, tally: Tally) -> None:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=TIMEOUT_SECONDS)
        while not self._stop.wait(self._pause):
            began = time.monotonic()
            try:
                connection.request("POST", self._url.path, self._body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                tally.failures[f"{type(error).__name__}: {error}"] += 1
                connection.close()
                continue
            if response.status != 200:
                tally.failures[f"status {response.status}"] += 1
                continue
            tally.milliseconds.append((time.monotonic() - began) * 1000)
            tally.versions[json.loads(answer).get("model_version", "unnamed")] += 1
        connection.close()


def describe(tally: Tally) -> str:
    """What clients got, in a line."""
    shares = ", ".join(f"{count:,} by {version}" for version, count in sorted(tally.versions.items()))
    latency = f"p50 {tally.percentile(0.5):.1f} ms, p99 {tally.percentile(0.99):.1f} ms"
    return f"{tally.failed} of {tally.requests:,} requests failed ({shares}; {latency})"


def failures(tally: Tally) -> list[str]:
    """The most frequent failures, a line each."""
    return [f"{count} x {failure}" for failure, count in tally.failures.most_common(5)]


def main(argv: list[str] | None = None) -> int:
    """Load an endpoint by hand; the exit code is 1 when a request failed."""
    parser = argparse.ArgumentParser(prog="python -m demo.load", description="Load an endpoint until Ctrl-C.")
    parser.add_argument("file", type=Path, help="the JSON request to post")
    parser.add_argument("url", help="where to")
    parser.add_argument("--connections", type=int, default=4, help="how many clients (default %(default)s)")
    parser.add_argument("--pause", type=float, default=0.002, help="seconds between an answer and the next request")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop by itself after so many")
    options = parser.parse_args(argv)
    end = time.monotonic() + options.seconds
    with Load(options.url, options.file.read_bytes(), connections=options.connections, pause=options.pause) as load:
        try:
            while time.monotonic() < end:
                time.sleep(min(1.0, options.seconds))
        except KeyboardInterrupt:
            pass
    tally = load.tally()
    sys.stdout.writelines(f"{line}\n" for line in (describe(tally), *failures(tally)))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
