"""Amounts: every spelling of one amount becomes the text that the API server keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelway.api.quantity import Cpu, Memory, byte_count, canonical_bytes, cores

CPU: TypeAdapter[str] = TypeAdapter(Cpu)
MEMORY: TypeAdapter[str] = TypeAdapter(Memory)


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [("1000m", "1"), (2, "2"), ("0.5", "500m"), ("1.50", "1500m"), ("007", "7"), ("100m", "100m")],
)
def test_cpu_is_read_in_every_spelling(spelling: object, canonical: str) -> None:
    assert CPU.validate_python(spelling) == canonical


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("1024Mi", "1Gi"),
        (1073741824, "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1000000", "1M"),
        ("1G", "1G"),
        ("1024k", "1000Ki"),
        ("0.1Ki", "103"),
        (1025, "1025"),
    ],
)
def test_memory_is_read_in_every_spelling(spelling: object, canonical: str) -> None:
    assert MEMORY.validate_python(spelling) == canonical


@pytest.mark.parametrize("value", [True, 0.5, None, "", "-1", "1e3", "1 Gi", "0", "0.000Ki", "65Ti"])
def test_invalid_memory_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        MEMORY.validate_python(value)


@given(st.integers(1, 999_999))
def test_canonical_cpu_is_the_same_amount_and_stays_as_it_is(milli: int) -> None:
    canonical = CPU.validate_python(f"{milli}m")
    assert cores(canonical) * 1000 == milli
    assert CPU.validate_python(canonical) == canonical


@given(st.integers(1, 64 << 40))
def test_canonical_memory_is_the_same_amount_and_stays_as_it_is(count: int) -> None:
    canonical = canonical_bytes(count)
    assert byte_count(canonical) == count
    assert MEMORY.validate_python(canonical) == canonical
