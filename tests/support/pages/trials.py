"""How each block of the pages is tried. A block that is in none of these lists, and is not read as YAML, JSON or Python, fails a test.

An entry is a page and how the first line of the block begins.
"""

import ast
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import yaml

from modelway.api.v1alpha1 import ModelDeploymentSpec
from support.pages.blocks import ROOT, Block

Entry = tuple[str, str]

RUN: Final[tuple[Entry, ...]] = (
    ("docs/sandbox.md", 'eval "$(.venv/bin/python -m sandbox up)"'),
    ("docs/sandbox.md", "helm install modelway"),
    ("examples/model-store/README.md", "sed "),
    ("examples/fraud/README.md", ".venv/bin/python examples/fraud/train.py"),
    ("examples/fraud/README.md", "curl "),
    ("examples/breast_cancer/README.md", ".venv/bin/python examples/breast_cancer/train.py"),
    ("examples/formats/README.md", ".venv/bin/python examples/formats/train.py"),
    ("examples/rollouts/README.md", ".venv/bin/python examples/rollouts/train.py"),
    ("docs/predict.md", "kubectl port-forward"),
    ("docs/predict.md", "curl -H 'Content-Type: application/json' http://127.0.0.1:8000/predict"),
    ("docs/predict.md", "curl -H 'Content-Type: application/json' -d @examples/breast_cancer/request.json"),
    ("docs/predict.md", "curl -H 'Content-Type: application/json' http://127.0.0.1:8000/v1/models/fraud:predict"),
    ("docs/predict.md", "printf "),
    ("docs/from-notebook.md", "from pathlib import"),
    ("docs/from-notebook.md", "modelway check"),
    ("docs/from-notebook.md", "cat > models/wine/wine.yaml"),
    ("docs/from-notebook.md", "kubectl port-forward"),
    ("docs/from-notebook.md", "import pandas"),
    ("docs/from-notebook.md", "sed -i"),
    ("docs/from-notebook.md", "modelway history"),
    ("docs/scaling.md", "kubectl get mdep fraud"),
    ("docs/gitops.md", "kubectl apply -f model.yaml"),
    ("docs/operating.md", "kubectl get mdep -A"),
    ("docs/troubleshooting.md", "kubectl get mdep"),
    ("docs/install.md", "helm upgrade modelway"),
    ("docs/install.md", "kubectl delete mdep --all"),
    ("docs/install.md", "helm install modelway charts/modelway -n team-a"),
    ("docs/sandbox.md", ".venv/bin/python -m sandbox down"),
)
"""Pasted into one shell, in this order, a test each, by tests/cluster/test_pages.py."""

_IMAGES = (
    "builds images or needs a registry: make e2e builds both images, and the example of an own image, and runs them"
)
_SEEN = "what a program prints or is sent, not what is pasted"
_PARSED = "tests/contract/test_cli_docs.py parses each line; the commands have tests of their own"
_TRIPS = "tests/contract/test_predict_page.py asks the model that the page trains"
_FRAMEWORKS = "make test-frameworks runs it, with the libraries in environments of their own"
ELSEWHERE: Final[Mapping[Entry, str]] = {
    (
        "README.md",
        "python3 -m venv",
    ): "downloads for minutes; tests/contract/test_pages.py holds its extras against pyproject.toml",
    ("CONTRIBUTING.md", "make "): ".ci/run runs what they make",
    (
        "CONTRIBUTING.md",
        'eval "$(.venv/bin/python -m sandbox up)"',
    ): "docs/sandbox.md has the same commands, which are run",
    ("README.md", "make demo"): ".ci/run runs both",
    ("README.md", " kubectl apply "): "a picture",
    ("README.md", "make image"): _IMAGES,
    ("README.md", "modelway check"): _PARSED,
    (
        "docs/cli.md",
        "pip install",
    ): "downloads for minutes; tests/contract/test_pages.py holds its extras against pyproject.toml",
    ("docs/architecture.md", "operator/modelway/"): "tests/contract/test_docs.py holds it against the folders",
    ("docs/cli.md", "modelway"): _PARSED,
    ("docs/cli.md", "source <(modelway completion"): _PARSED,
    ("docs/cli.md", "model.yaml:6"): _SEEN,
    ("docs/cli.md", "NAME "): _SEEN,
    ("docs/cli.md", "rollout "): _SEEN,
    ("docs/cli.md", "time,stable_requests"): "tests/modelway/cli/test_rollout_simulate.py simulates by it",
    ("docs/cli.md", "REVISION "): _SEEN,
    ("docs/cli.md", "churn in namespace"): _SEEN,
    ("docs/preflight.md", "modelway evaluate"): "tests/contract/test_evaluate.py runs it on the example",
    (
        "examples/evaluation/README.md",
        ".venv/bin/python ",
    ): "tests/contract/test_evaluate.py runs the script and the command",
    (
        "examples/evaluation/README.md",
        ".venv/bin/modelway evaluate",
    ): "tests/contract/test_evaluate.py runs the command",
    ("examples/evaluation/README.md", "METRIC "): _SEEN,
    ("examples/evaluation/README.md", "CANDIDATE "): _SEEN,
    ("docs/from-notebook.md", "modelway serve"): "tests/modelway/cli/test_serve.py serves a file alone",
    ("docs/formats.md", "ENV MODELWAY_TRUSTED_TYPES"): _IMAGES,
    ("docs/formats.md", "# pyproject.toml"): "tests/modelway_server/runtimes/test_added_formats.py installs it",
    ("docs/formats.md", "cd folder"): "tests/modelway_server/artifacts/test_folder.py runs it",
    ("docs/verdicts.md", "modelway rollout simulate"): "tests/modelway/cli/test_rollout_simulate.py runs the command",
    ("docs/gitops.md", "apiVersion: kustomize"): "Flux is not among the programs that the tests run",
    ("docs/gitops.md", "resource ModelDeployment/"): _SEEN,
    ("docs/grpc.md", "grpcurl"): "needs grpcurl; tests/modelway_server/grpc/test_grpc.py asks the reflection service",
    ("docs/grpc.md", "import numpy"): "tests/clients asks by this library",
    ("docs/images.md", "make image"): _IMAGES,
    ("docs/images.md", "debootstrap"): _IMAGES,
    ("docs/images.md", "helm install"): _IMAGES,
    ("docs/images.md", "FROM "): _IMAGES,
    ("docs/images.md", "sudo make e2e"): ".ci/run runs it",
    ("docs/install.md", "make image"): _IMAGES,
    ("docs/install.md", "helm install modelway charts/modelway -n modelway-system"): _IMAGES,
    ("docs/install.md", "kubectl annotate"): "tests/chart/test_installed.py does what the chart's refusal says",
    (
        "docs/operating.md",
        "kubectl -n modelway-system get lease",
    ): "tests/cluster has operators that change places by it",
    ("docs/performance.md", "make bench"): "takes half an hour; tests/bench has its tests",
    ("docs/predict.md", "GET "): _SEEN,
    ("docs/predict.md", "POST "): _TRIPS,
    ("docs/predict.md", "from operator import"): _TRIPS,
    (
        "docs/sandbox.md",
        ".venv/bin/python -m support.cluster.helm",
    ): "the same function installs the operator for every test",
    ("docs/sandbox.md", ".venv/bin/python -m sandbox up --capacity"): "tests/cluster/test_node_hollow.py",
    ("docs/sandbox.md", "sudo make e2e"): ".ci/run runs it",
    ("docs/security.md", "kubectl -n risk create rolebinding"): "tests/cluster/test_security_page.py binds it",
    ("docs/security.md", "apiVersion: networking"): "tests/cluster/test_security_page.py applies it",
    ("docs/scaling.md", "helm repo add"): "needs the internet",
    (
        "docs/scaling.md",
        "kubectl patch mdep breast-cancer",
    ): "a load until Ctrl-C; the demo and tests/cluster/test_autoscaling.py end theirs",
    (
        "docs/preflight.md",
        "kubectl get mdep fraud -o jsonpath",
    ): "tests/cluster/test_preflight.py reads the field and the log",
    ("docs/exposure.md", "kubectl get mdep fraud"): "tests/cluster/test_exposure.py reads the condition",
    ("examples/argocd/README.md", "kubectl "): "tests/cluster/test_argocd.py applies the same files",
    ("examples/mlflow/README.md", "pip install"): _FRAMEWORKS,
    ("examples/mlflow/README.md", "curl "): _FRAMEWORKS,
    ("examples/own_image/README.md", "docker build"): _IMAGES,
    ("examples/pytorch/README.md", "make image"): _FRAMEWORKS,
    ("examples/rollouts/README.md", "sed "): "a load and a watch until Ctrl-C; the demo ends its own",
    ("examples/tensorflow/README.md", "make image"): _FRAMEWORKS,
}
"""What is tried by other means, or cannot be, and why."""


def matches(block: Block, entry: Entry) -> bool:
    """Whether an entry names a block."""
    page, beginning = entry
    return block.page == page and block.text.startswith(beginning)


def is_read(block: Block) -> bool:
    """Whether a block is a part of a ModelDeployment, a JSON document, or a program that compiles."""
    known = manifest(block) is not None or values(block) is not None or _is_json(block.text)
    return known or (block.language == "python" and _compiles(block.text))


def manifest(block: Block) -> dict[str, Any] | None:
    """The ModelDeployment that a block of YAML is, or is a part of; None for anything else."""
    mapping = _mapping(block)
    if mapping is None:
        return None
    if mapping.get("kind") == "ModelDeployment":
        return mapping
    spec = mapping.get("spec") if mapping.keys() == {"spec"} else mapping
    known = {field.alias or name for name, field in ModelDeploymentSpec.model_fields.items()}
    if not isinstance(spec, dict) or not spec.keys() <= known:
        return None
    whole = {**spec, "model": {"uri": "s3://models/fraud/model.joblib", **spec.get("model", {})}}
    head = {"apiVersion": "modelway.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "fraud"}}
    return {**head, "spec": whole}


def values(block: Block) -> dict[str, Any] | None:
    """The values of the chart that a block of YAML is; None for anything else."""
    mapping = _mapping(block)
    return mapping if mapping is not None and mapping.keys() <= _values_of_the_chart() else None


@cache
def _values_of_the_chart() -> frozenset[str]:
    return frozenset(yaml.safe_load((ROOT / "charts" / "modelway" / "values.yaml").read_text()))


def _mapping(block: Block) -> dict[str, Any] | None:
    try:
        document = yaml.safe_load(block.text)
    except yaml.YAMLError:
        return None
    return document if isinstance(document, dict) else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _compiles(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
