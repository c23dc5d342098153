"""A model server that begins as a fork is what a new program would be, to the test and to itself."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from support.server.warm import ENVIRONMENT, Forked, template
from support.waiting import eventually


def fork(folder: Path, program: str, *arguments: str) -> Forked:
    with (folder / "log").open("wb") as log:
        return template().fork(arguments, {**os.environ, "MODELWAY_GREETING": "hello"}, program, log)


def test_fork_ends_with_the_status_of_its_program(tmp_path: Path) -> None:
    assert fork(tmp_path, "raise SystemExit(7)").wait(30) == 7


def test_fork_that_a_signal_ends_has_its_number(tmp_path: Path) -> None:
    process = fork(tmp_path, "import time; time.sleep(600)")
    assert process.poll() is None
    process.kill()
    assert process.wait(30) == -signal.SIGKILL


def test_fork_knows_its_words_and_its_environment(tmp_path: Path) -> None:
    program = (
        "import os, sys; print(sys.argv[1:], os.environ['MODELWAY_GREETING'], os.getsid(0) == os.getpid(), flush=True)"
    )
    assert fork(tmp_path, program, "serve", "--name=m").wait(30) == 0
    assert (tmp_path / "log").read_text() == "['serve', '--name=m'] hello True\n"


def test_fork_begins_without_a_module_of_the_server(tmp_path: Path) -> None:
    program = "import sys; print([one for one in sys.modules if one.startswith(('modelway', 'prometheus', 'grpc'))], flush=True)"
    assert fork(tmp_path, program).wait(30) == 0
    assert (tmp_path / "log").read_text() == "[]\n"


def test_variable_that_libraries_read_needs_a_new_program() -> None:
    assert template().suits({**ENVIRONMENT, "MODELWAY_GREETING": "hello"})
    assert not template().suits({**ENVIRONMENT, "OMP_NUM_THREADS": str(sys.maxsize)})


def test_variables_that_imports_set_need_no_new_program() -> None:
    program = "import json, os; before = {*os.environ}; import sklearn, modelway_server; print(json.dumps([*({*os.environ} - before)]))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KMP_", "ORT_"))}
    names = json.loads(subprocess.check_output([sys.executable, "-c", program], env=environment))
    assert names
    assert template().suits({**ENVIRONMENT, **dict.fromkeys(names, "another")})


def test_fork_that_many_threads_wait_for_has_one_end(tmp_path: Path) -> None:
    process = fork(tmp_path, "raise SystemExit(7)")
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(lambda _: process.wait(30), range(8))] == [7] * 8


def test_id_of_a_fork_is_its_own_until_its_end_was_read(tmp_path: Path) -> None:
    process = fork(tmp_path, "raise SystemExit(0)")
    eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert process.wait(30) == 0
    eventually(lambda: not psutil.pid_exists(process.pid))
    process.send_signal(signal.SIGTERM)
