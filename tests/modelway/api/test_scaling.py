"""How many pods a scaling block asks for."""

import pytest

from modelway.api.scaling import Scaling


@pytest.mark.parametrize(
    ("scaling", "fixed_size", "bounds"),
    [
        (Scaling(), 1, (1, 1)),
        (Scaling(replicas=3), 3, (3, 3)),
        (Scaling(max=8), None, (1, 8)),
        (Scaling(min=2, max=8), None, (2, 8)),
    ],
)
def test_scaling_knows_its_sizes(scaling: Scaling, fixed_size: int | None, bounds: tuple[int, int]) -> None:
    assert (scaling.fixed_size, scaling.bounds) == (fixed_size, bounds)
    assert scaling.autoscaled is (fixed_size is None)
    assert Scaling.of_stored(scaling.model_dump(exclude_none=True)) == scaling


def test_scaling_of_stored_reads_sizes_alone() -> None:
    assert Scaling.of_stored({"min": 2, "max": 3, "later": {"x": 1}}).bounds == (2, 3)
    assert Scaling.of_stored(None).bounds == (1, 1)
