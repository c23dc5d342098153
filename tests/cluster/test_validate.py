"""`modelway validate` and the real API server say the same."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from modelway.cli.admission.verdict import verdict
from modelway.cli.documents import documents
from support.cluster.crd import Requests
from support.cluster.sandbox import Kubectl
from support.operator.changed_specs import mutants
from support.operator.specs import Object

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crd")]

MANIFESTS = 300
SCALARS = (
    "y N yes No TRUE on Off ~ Null nULL .5 5. 1e3 1e+3 -1e-3 0777 0888 08 0o17 0b101 0x1F -0x1f +5 +5.0 -0 2.0 1_000 _1 12e03 1:30 "
    "2020-01-01 2020-01-01T00:00:00Z = 1e20 123456789012345678901234567890 -9223372036854775808 0x 1.2.3 v7 1e .e1 00 0x_1 -.5 1e400 "
    "0xFFFFFFFFFFFFFFFFFF tRue 5k 0b2 09.5 -010 0_8 '1' \"y\" !!str 5"
)
MERGED = """
  base: &base {a: 1, b: 2}
  other: &other {b: 3, c: 4}
  before: {a: 9, <<: *base}
  after: {<<: *base, a: 9}
  both: {<<: [*base, *other], d: 5}
  keys: {1: a, 0x10: b, true: c, yes: d, 1.5: e}
"""


def test_verdicts_agree_over_generated_manifests(requests: Requests) -> None:
    verdicts: Counter[str] = Counter()

    @settings(max_examples=MANIFESTS)
    @given(mutants())
    def agree(manifest: Object) -> None:
        ours = verdict(as_read_from_a_file(manifest)).api_server
        refusal = requests.refusal(manifest)
        assert bool(ours) == bool(refusal), f"ours: {ours}\ntheirs: {refusal}"
        verdicts["refused" if refusal else "accepted"] += 1

    agree()
    assert min(verdicts.values()) > MANIFESTS / 4, verdicts


def as_read_from_a_file(manifest: Object) -> Object:
    (document,) = documents("x.json", json.dumps(manifest).encode())
    assert document.value == manifest
    return dict(document.value)


def test_yaml_is_read_as_kubectl_reads_it(kubectl: Kubectl, tmp_path: Path) -> None:
    head = "apiVersion: modelway.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: fraud}\n"
    scalars = "".join(f"- {scalar}\n" for scalar in SCALARS.replace("!!str 5", "!!str,5").split())
    text = f"{head}merged: {MERGED}scalars:\n{scalars.replace(',', ' ')}"
    (tmp_path / "x.yaml").write_text(text)
    sent = kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", str(tmp_path / "x.yaml"))
    (document,) = documents("x.yaml", text.encode())
    read = {name: document.value[name] for name in ("merged", "scalars")}
    # As text, since True and 1 are equal in Python.
    assert json.dumps(read, sort_keys=True) == json.dumps(
        {name: json.loads(sent)[name] for name in read}, sort_keys=True
    )
