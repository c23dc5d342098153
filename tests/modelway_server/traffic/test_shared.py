"""The memory of a pod: no worker waits for the process that sends copies."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

from modelway_server.traffic.shared import Shared


def as_mirror(shared: Shared) -> Shared:
    """The same memory, as the process that sends copies has it."""
    mirrors = Shared.__new__(Shared)
    mirrors.__dict__.update(shared.__dict__)
    mirrors.enter_mirror()
    return mirrors


def fail(shared: Shared) -> None:
    """Three requests of three."""
    for _ in range(3):
        shared.weigh(0.001, failed=True)


def test_worker_waits_for_no_lock_of_the_process_that_stands_still() -> None:
    shared = Shared(1)
    shared.enter(0)
    holds, begun = os.pipe()
    waits, ended = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        mirrors = as_mirror(shared)
        with mirrors._locked(mirrors._evidence):
            os.write(begun, b"1")
            os.close(ended)
            os.read(waits, 1)
        os._exit(0)
    os.read(holds, 1)

    def work() -> bool:
        shared.begin("w-1")
        fail(shared)
        return shared.is_stopped and shared.take_turn(100_000)

    with ThreadPoolExecutor(1) as pool:
        try:
            assert pool.submit(work).result(timeout=10)
        finally:
            os.close(ended)
            os.waitpid(pid, 0)
            for one in (holds, begun, waits):
                os.close(one)


def test_evidence_of_copies_stops_the_workers_of_its_rollout_alone() -> None:
    shared = Shared(1)
    shared.enter(0)
    shared.begin("w-1")
    mirrors = as_mirror(shared)
    mirrors.join("w-1")
    fail(mirrors)
    assert shared.is_stopped
    shared.begin("w-2")
    assert not shared.is_stopped
    fail(mirrors)
    assert not shared.is_stopped
    mirrors.join("w-2")
    mirrors.weigh(0.001, failed=True)
    assert not shared.is_stopped
    fail(mirrors)
    assert shared.is_stopped
