"""The trial of rollouts counts what clients got, and tells what is not as requests."""

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench.trial.__main__ import VERDICTS, main
from bench.trial.clients import Tally, asking, wait_for_requests
from bench.trial.kinds import BY_NAME
from bench.trial.results import CANDIDATES, CHANGES, SAME, Case, Cases, Results, Same, Span, faults_of, tables
from bench.trial.run import decisive
from bench.trial.same import Turns
from modelway.status.termination import REASON_OF_EXIT_CODE
from support.cluster import candidates
from support.waiting import eventually

CASE = Case(
    strategy="Canary",
    kind="wrong",
    end="Analysis",
    measure="disagreement: 9 of 12",
    seconds=31.4,
    requests=1200,
    failures={},
    by_candidate=12,
    wrong=12,
)
SPAN = Span(seconds=90.0, loads=(0.5, 2.0))


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        (("good", "Canary", "Promoted", "", 100), ""),
        (("good", "Shadow", "Timeout", "", 0), "ended by Timeout"),
        (("slow", "Canary", "Promoted", "", 100), "ended by Promoted"),
        (("wrong", "Canary", "Analysis", "disagreement: 9 of 12", 12), ""),
        (("wrong", "Canary", "Analysis", "failed: 3 of 3", 12), "failed: 3 of 3 decided"),
        (("leaks", "Canary", "CandidateFailed", "needed more memory than its limit", 5), ""),
        (("leaks", "Canary", "CandidateFailed", "its pods crash", 5), "its pods crash decided"),
        (("wrong", "Shadow", "Analysis", "disagreement: 9 of 12", 1), "1 clients saw"),
    ],
)
def test_an_end_other_than_the_asked_one_is_a_fault(end: tuple[str, str, str, str, int], fault: str) -> None:
    faults = faults_of(BY_NAME[end[0]], *end[1:])
    assert (bool(faults), fault in "".join(faults)) == (bool(fault), True)


def same(promoted: int, *, unbegun: int, failures: Mapping[str, int] | None = None) -> Same:
    """Of three rollouts to the same bytes."""
    ends = {"promoted": promoted}
    return Same(ends=ends, requests=900, failures=failures or {}, wanted=3, unbegun=unbegun, span=SPAN)


def test_each_part_of_the_report_says_what_it_was_measured_on() -> None:
    cases = Cases(cases=[CASE], requests_between=34)
    results = Results(machine={"Linux": "6.1"}, candidates=cases, changes=cases, same=same(3, unbegun=0), span=SPAN)
    parts = tables(results)
    assert list(parts) == [CANDIDATES, CHANGES, SAME]
    head = "Measured on: Linux 6.1. Load 0.5 at the beginning, 2.0 at the end. This took 2 min."
    assert [part.splitlines()[0].partition(head)[::2] for part in parts.values()] == [
        ("", " What came between was tried at the same time."),
        ("", " The candidates were tried at the same time."),
        ("", ""),
    ]


def test_part_of_candidates_has_every_case_and_its_failures() -> None:
    parts = tables(Results(machine={}, candidates=Cases(cases=[CASE], requests_between=34), span=SPAN))
    assert list(parts) == [CANDIDATES]
    lines = parts[CANDIDATES].splitlines()
    assert "1,234 requests of clients while rollouts went on; 0 of them failed." in lines
    assert "| wrong | Canary | Analysis | disagreement: 9 of 12 | 31 s | 1,200 | 0 | 12 | 12 | as asked |" in lines


@pytest.mark.parametrize(
    ("promoted", "unbegun", "words", "fault"),
    [
        (3, 0, "3 of 3 rollouts to the same bytes ended: 3 promoted. 900 requests, 0 failed.", ""),
        (2, 1, "2 of 3 rollouts to the same bytes ended: 2 promoted; 1 were not begun, since the time was over.", ""),
        (2, 0, "2 of 3 rollouts to the same bytes ended: 2 promoted.", "1 rollouts to the same bytes are missing"),
    ],
)
def test_rollout_that_had_no_time_to_begin_is_no_fault(promoted: int, unbegun: int, words: str, fault: str) -> None:
    results = Results(machine={}, same=same(promoted, unbegun=unbegun))
    assert words in tables(results)[SAME]
    assert "".join(results.faults) == fault


def test_rollouts_begin_until_all_did_or_the_time_is_over() -> None:
    enough, none = Turns(3, 600.0), Turns(3, 0.0)
    assert (list(enough), enough.unbegun) == ([1, 2, 3], 0)
    assert (list(none), none.unbegun) == ([], 3)


def test_failed_request_is_a_fault_of_any_part() -> None:
    between = Cases(cases=[], failures_between={"status 503: ": 1})
    beside = same(3, unbegun=0, failures={"status 503: ": 2})
    results = Results(machine={}, candidates=between, changes=between, same=beside)
    assert results.faults == ["4 requests failed: status 503: "]


@pytest.mark.parametrize("part", [CANDIDATES, CHANGES, SAME])
def test_page_has_a_place_for_each_part_of_the_trial(part: str) -> None:
    text = VERDICTS.read_text()
    assert [text.count(f"<!-- make {part} WRITE=1: {side} -->") for side in ("begin", "end")] == [1, 1]


@pytest.mark.parametrize("option", ["--kinds=good", "--strategies=Canary", "--changes=evicted"])
def test_page_gets_no_part_that_was_tried_by_halves(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--write", option])
    assert "--write takes all of" in capsys.readouterr().err


def test_the_strongest_of_worse_measures_is_named() -> None:
    shared = {"trials": 12, "share": 0.75, "bound": 0.1}
    weak = {"name": "slow", "bad": 9, "outcome": "Worse", "evidence": 4.1, **shared}
    strong = {"name": "disagreement", "bad": 9, "outcome": "Worse", "evidence": 4.6, **shared}
    assert decisive({"measures": [weak, strong]}).startswith("disagreement: ")
    assert decisive({"measures": [{**weak, "outcome": "Undecided"}]}) == ""


def test_exit_code_of_a_crash_is_no_reason_of_a_server() -> None:
    assert candidates.CRASH_CODE not in REASON_OF_EXIT_CODE


class _Doubling(http.server.BaseHTTPRequestHandler):
    """Doubles, says so under two names by turns, and fails every fifth request."""

    protocol_version = "HTTP/1.1"
    requests = 0

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (number,) = request["inputs"][0]["data"]
        type(self).requests += 1
        answer: dict[str, Any] = {"outputs": [{"data": [2 * number, 0.0][: 1 + self.requests % 2]}]}
        content = json.dumps(answer).encode()
        self.send_response(503 if self.requests % 5 == 0 else 200)
        self.send_header("modelway-revision", "canary" if self.requests % 2 else "stable")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep the test's output clean."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Doubling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_clients_count_by_revision_what_they_got(port: int) -> None:
    with asking("any", ("127.0.0.1", port), "", over_http=1, over_grpc=0, pause=0.0) as clients:
        wait_for_requests(clients, 20, seconds=20)
    tally = clients.tally()
    assert tally.requests == _Doubling.requests
    assert tally.wrong == Counter({"canary": tally.answers["canary"]})
    assert tally.failed == tally.requests // 5
    assert tally.since(Tally()) == Tally(tally.answers, Counter({"canary": tally.wrong["canary"]}), tally.failures)


def test_clients_go_on_after_a_broken_connection() -> None:
    with asking("any", ("127.0.0.1", 1), "", over_http=1, over_grpc=0, pause=0.0) as clients:
        eventually(lambda: clients.tally().failed > 2)
    assert all("ConnectionRefused" in failure for failure in clients.tally().failures)
