"""`modelway history` and `modelway undo`: which revision is meant, what is written back, who is warned."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from modelway.api.labels import REFRESH_ANNOTATION
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli import refresh
from modelway.cli.history import describe, table
from modelway.cli.revisions import NoWayBack, Record, keepers, records_of, restore, target_of, wanted_of
from modelway.cli.undo import change, warnings
from modelway.desired.children import controller_revision
from modelway.desired.revision import record_data, revision_of
from support.operator.legal_specs import manifests
from support.operator.specs import Object, manifest

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DIGEST = f"sha256:{'1' * 64}"


def resource(version: str, serves: str = "", **metadata: Any) -> Object:
    document = manifest(model={"version": version}, scaling={"replicas": 3})
    return {
        **document,
        "metadata": {"name": "fraud", "namespace": "risk", "uid": "u", **metadata},
        "status": {"stable": {"revision": hash_of(serves)}} if serves else {},
    }


def hash_of(version: str) -> str:
    return revision_of(ModelDeployment.parse(manifest(model={"version": version}))).hash


def record_of(version: str, number: int, uid: str = "u", refresh_time: str = "") -> Object:
    """The ControllerRevision of a version of the model, as the operator writes it."""
    metadata = {"name": "fraud", "uid": uid, **refreshed(refresh_time)}
    deployment = ModelDeployment.parse({**manifest(model={"version": version}), "metadata": metadata})
    revision = revision_of(deployment)
    record = controller_revision.build(deployment, revision.hash, record_data(revision, {}), number=number)
    record["metadata"]["creationTimestamp"] = f"2026-01-01T0{number}:00:00Z"
    return record


def refreshed(time: str) -> Object:
    """The metadata of a ModelDeployment after `modelway refresh`."""
    return {"annotations": {"example.com/ticket": "RISK-7", REFRESH_ANNOTATION: time}} if time else {}


RECORDS = [record_of("v1", 1), record_of("v3", 3), record_of("v2", 2)]


def records(**present: Any) -> list[Record]:
    return records_of(resource("v3", **present), RECORDS)


def test_records_are_newest_first_without_those_of_namesakes() -> None:
    records = records_of(resource("v3"), [*RECORDS, record_of("v9", 9, uid="of-another")])
    assert [(one.number, one.version) for one in records] == [(3, "v3"), (2, "v2"), (1, "v1")]


@pytest.mark.parametrize(
    ("wanted", "serves", "target", "goes_to"),
    [
        ("v3", "v3", None, 2),  # the newest but the present one
        ("v3", "v1", None, 1),  # the one that serves while v3 fails
        ("v1", "v1", None, 3),  # and forth again
        ("v3", "", None, 2),
        ("v3", "v3", "1", 1),
        ("v3", "v3", hash_of("v1"), 1),
    ],
)
def test_the_revision_to_go_back_to(wanted: str, serves: str, target: str | None, goes_to: int) -> None:
    present = resource(wanted, serves)
    assert target_of(present, records_of(present, RECORDS), target).number == goes_to


@pytest.mark.parametrize(
    ("records", "target", "says"),
    [
        (RECORDS, "9", "there is no revision 9 of fraud; there is: revision 3"),
        ([record_of("v3", 3)], None, "its history holds none but the present one"),
        ([], None, "its history holds none"),
    ],
)
def test_an_impossible_undo_is_explained(records: list[Object], target: str | None, says: str) -> None:
    with pytest.raises(NoWayBack, match=says):
        target_of(resource("v3"), records_of(resource("v3"), records), target)


def test_undo_of_a_failing_spec_goes_back_to_what_serves() -> None:
    broken = resource("v3", "v2")
    broken["spec"]["runtime"] = {"resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "1"}}}
    assert target_of(broken, records_of(broken, RECORDS), None).version == "v2"


@pytest.mark.slow
@given(manifests(), manifests())
def test_undo_restores_the_revision_and_keeps_other_fields(before: Object, now: Object) -> None:
    revision = revision_of(ModelDeployment.parse(before))
    back = restore(now, Record(1, revision.hash, "", revision.inputs))
    assert revision_of(ModelDeployment.parse(back)).hash == revision.hash
    rest = ("scaling", "rollout", "suspend")
    assert {block: back["spec"].get(block) for block in rest} == {block: now["spec"].get(block) for block in rest}


def test_history_shows_states_and_changed_fields() -> None:
    present = resource("v3", "v2")
    rows = describe(present, records_of(present, RECORDS))
    assert [(row["revision"], row["state"], row["changed"]) for row in rows] == [
        (3, "comes", ["model.version"]),
        (2, "serves", ["model.version"]),
        (1, None, []),
    ]
    lines = table(rows, now=NOW).splitlines()
    assert lines[0].split() == [
        "REVISION",
        "HASH",
        "AGE",
        "STATE",
        "PREFLIGHT",
        "DIGEST",
        "VERSION",
        "MODEL",
        "CHANGED",
    ]
    assert lines[2].split()[2:] == ["10h", "serves", "-", "-", "v2", "s3://models/fraud/model.joblib", "model.version"]


def test_undo_shows_its_change_as_a_diff() -> None:
    now, _, before = records()
    lines = change(now.inputs, before).splitlines()
    assert [line for line in lines if line[:1] in "+-"] == [
        "--- now",
        "+++ revision 1",
        "-    version: v3",
        "+    version: v1",
    ]


# Refresh ----------------------------------------------------------------------------------------------------------------------------------

T1, T2 = "2026-01-01T01:00:00Z", "2026-01-02T02:00:00Z"


@pytest.mark.parametrize(("now", "before"), [(T1, ""), ("", T1), (T2, T1)])
def test_undo_of_a_refresh_brings_back_the_revision(now: str, before: str) -> None:
    present = resource("v1", **refreshed(now))
    (record,) = records_of(present, [record_of("v1", 1, refresh_time=before)])
    back = restore(present, record)
    assert revision_of(ModelDeployment.parse(back)).hash == record.hash != wanted_of(present)[0]
    others = {"example.com/ticket": "RISK-7"} if now else {}
    assert back["metadata"]["annotations"] == {**others, **({REFRESH_ANNOTATION: before} if before else {})}


def test_history_shows_a_refresh_as_what_changed() -> None:
    present = resource("v1", **refreshed(T1))
    newest, _ = describe(present, records_of(present, [record_of("v1", 1), record_of("v1", 2, refresh_time=T1)]))
    assert (newest["state"], newest["changed"]) == ("comes", ["refresh"])


def test_undo_of_a_refresh_shows_the_annotation_that_goes() -> None:
    present = resource("v1", **refreshed(T1))
    (target,) = records_of(present, [record_of("v1", 1)])
    lines = change(wanted_of(present)[1], target).splitlines()
    assert f"-    {REFRESH_ANNOTATION}: '{T1}'" in lines
    assert not [line for line in lines if line.startswith("+ ")]


def test_undo_of_an_invalid_spec_shows_its_refresh() -> None:
    broken = resource("v1", **refreshed(T1))
    broken["spec"]["runtime"] = {"workers": "many"}
    assert wanted_of(broken)[1]["refresh"] == T1


def test_time_of_a_refresh_is_written_as_the_api_does() -> None:
    assert refresh.time_text(NOW) == "2026-01-01T12:00:00Z"


def test_refresh_of_a_suspended_model_says_so() -> None:
    present = resource("v1")
    present["spec"]["suspend"] = True
    assert refresh.warnings(present) == ["spec.suspend is true: nothing follows until it is false"]


def test_refresh_of_a_model_with_a_digest_says_what_it_takes() -> None:
    present = resource("v1")
    present["spec"]["model"]["digest"] = DIGEST
    (line,) = refresh.warnings(present)
    assert line.startswith(f"spec.model.digest is {DIGEST}: the new revision takes no other bytes")


# Who reverts it ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "keeper"),
    [
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "risk:modelway.dev/ModelDeployment:risk/fraud"}},
            "Argo CD",
        ),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "models"}}, "Flux"),
        ({"annotations": {"meta.helm.sh/release-name": "models"}}, "a release of Helm"),
    ],
)
def test_undo_names_the_tool_that_would_revert_it(metadata: Object, keeper: str) -> None:
    assert keepers(resource("v1", **metadata)) == [keeper]
    (warning,) = warnings(resource("v1", **metadata))
    assert warning.startswith(f"{keeper} manages this ModelDeployment")


def test_undo_without_such_a_tool_warns_of_nobody() -> None:
    assert warnings(resource("v1", labels={"team": "risk"}, annotations={"example.com/ticket": "RISK-7"})) == []


def test_undo_of_a_suspended_model_says_so() -> None:
    present = resource("v1")
    present["spec"]["suspend"] = True
    assert warnings(present) == ["spec.suspend is true: nothing follows until it is false"]
