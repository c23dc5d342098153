"""The small rules of the process node: quantities, images, pauses, thresholds, addresses, hosts, ports."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sandbox.node import hosts
from sandbox.node.addresses import Addresses
from sandbox.node.backoff import Backoff
from sandbox.node.images import ImageError, ImageFile, find, split
from sandbox.node.ports import wildcards
from sandbox.node.probes import Thresholds
from sandbox.node.quantities import parse
from sandbox.node.sources import references_of

IMAGES: dict[str, Any] = {
    "a/b": {"entrypoint": ["x"]},
    "a/b:2": {"entrypoint": ["y"]},
    "pinned": {"entrypoint": ["z"], "tags": ["1"]},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", Fraction(1, 4)), ("1Gi", 2**30), ("1e3", 1000), ("1.5k", 1500), (2, 2), ("100u", Fraction(1, 10000))],
)
def test_a_quantity_is_read_exactly(text: str | int, value: Fraction | int) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1Q"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse(text)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("a/b", ("a/b", "latest")),
        ("host:5000/a/b:1", ("host:5000/a/b", "1")),
        ("a@sha256:00", ("a", "latest")),
        ("host:5000/a", ("host:5000/a", "latest")),
    ],
)
def test_an_image_reference_is_split(reference: str, expected: tuple[str, str]) -> None:
    assert split(reference) == expected


@pytest.mark.parametrize(("reference", "word"), [("a/b", "x"), ("a/b:1", "x"), ("a/b:2", "y"), ("pinned:1", "z")])
def test_an_exact_tag_wins_over_the_name(reference: str, word: str) -> None:
    assert find(IMAGES, reference).entrypoint == [word]


@pytest.mark.parametrize("reference", ["nobody/knows", "pinned:2", "pinned"])
def test_an_unknown_image_or_tag_is_not_found(reference: str) -> None:
    with pytest.raises(ImageError, match="not found"):
        find(IMAGES, reference)


def test_the_map_of_images_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    path.write_text("{}")
    images = ImageFile(path)
    with pytest.raises(ImageError):
        images.find("a/b")
    path.write_text(json.dumps(IMAGES))
    assert images.find("a/b").entrypoint == ["x"]


def test_restart_pauses_start_at_zero_and_double_to_the_limit() -> None:
    backoff = Backoff(1, 5)
    pauses = []
    for _ in range(5):
        backoff.ran(0)
        pauses.append(backoff.delay())
    assert pauses == [0, 1, 2, 4, 5]
    backoff.ran(10)
    assert backoff.delay() == 0


def test_thresholds_need_so_many_in_a_row() -> None:
    thresholds = Thresholds({"successThreshold": 2, "failureThreshold": 3}, good=False)
    looks = [True, False, True, True, False, False, True, False, False, False]
    verdicts = []
    for success in looks:
        thresholds.add(success=success)
        verdicts.append(thresholds.good)
    assert verdicts == [False, False, False, True, True, True, True, True, True, False]


def test_an_address_comes_back_late_also_after_a_restart(tmp_path: Path) -> None:
    first = Addresses("127.244.0.1", tmp_path / "next")
    one = first.claim()
    first.release(one)
    assert (one, first.claim()) == ("127.244.0.2", "127.244.0.3")
    again = Addresses("127.244.0.1", tmp_path / "next")
    again.claim("127.244.0.4")
    assert again.claim() == "127.244.0.5"


def test_hosts_of_a_pod_name_services_of_its_namespace_in_short() -> None:
    def service(name: str, namespace: str, address: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"metadata": metadata, "spec": {"clusterIP": address}}

    services = [
        service("shop", "ns", "127.96.0.7"),
        service("bank", "other", "127.96.0.8"),
        service("none", "ns", "None"),
    ]
    pod = {
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {"hostAliases": [{"ip": "127.0.0.9", "hostnames": ["x"]}]},
    }
    text = hosts.render(pod, "127.244.0.2", hosts.service_lines(services))
    assert "127.96.0.7\tshop.ns.svc.cluster.local shop.ns.svc shop.ns shop\n" in text
    assert "127.96.0.8\tbank.other.svc.cluster.local bank.other.svc bank.other\n" in text
    assert "127.244.0.2\tp\n127.0.0.9\tx\n" in text
    assert "none" not in text


def test_hosts_are_rewritten_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    hosts.write(path, "a long first text\n")
    before = path.stat().st_ino
    hosts.write(path, "short\n")
    assert (path.read_text(), path.stat().st_ino) == ("short\n", before)


def test_listener_on_all_addresses_alone_takes_a_port_from_pods() -> None:
    lines = [
        "  sl  local_address rem_address   st tx_queue",
        "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000",
        "   1: 0100007F:1F91 00000000:0000 0A 00000000:00000000",
        "   2: 00000000:1F92 0100007F:0016 01 00000000:00000000",
        "   3: 00000000000000000000000000000000:1F93 00000000000000000000000000000000:0000 0A 0",
    ]
    assert wildcards(lines) == {8080, 8083}


def test_everything_a_pod_refers_to_is_found() -> None:
    main = {
        "name": "main",
        "envFrom": [{"secretRef": {"name": "s1"}}],
        "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "k"}}}],
    }
    volumes = [
        {"name": "a", "secret": {"secretName": "s2"}},
        {"name": "b", "projected": {"sources": [{"configMap": {"name": "c2"}}, {"secret": {"name": "s3"}}]}},
    ]
    references = references_of({"spec": {"containers": [main], "volumes": volumes}})
    assert references == {
        ("Secret", "s1"),
        ("ConfigMap", "c1"),
        ("Secret", "s2"),
        ("ConfigMap", "c2"),
        ("Secret", "s3"),
    }
