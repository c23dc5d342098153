"""Judge and servers end a rollout apart from each other: together they are wrong as rarely as the judge promises."""

import pytest

from modelway.rollout.judge import DISAGREEMENT, FAILED, PART_OF_SERVERS, REFUSED, SLOW, parts_of_alpha
from modelway_server.traffic.breaker import EVIDENCE

ALPHA = 1e-4
OWN = [FAILED, REFUSED, SLOW, DISAGREEMENT]


@pytest.mark.parametrize("names", [OWN, [*OWN, "complaints"], [*OWN, "complaints", "returns"]])
def test_parts_of_alpha_leave_the_servers_theirs(names: list[str]) -> None:
    assert sum(parts_of_alpha(names).values()) + PART_OF_SERVERS <= 1 + 1e-9
    assert 1 / EVIDENCE <= ALPHA * PART_OF_SERVERS * (1 + 1e-9)
