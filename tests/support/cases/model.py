"""`spec.model` and the name."""

from support.cases.case import Case
from support.operator.specs import URI, Object


def _uri(question: str, accepted: str, refused: str, message: str) -> Case:
    return Case(question, {"model": {"uri": accepted}}, {"model": {"uri": refused}}, "spec.model.uri", message)


def _name(question: str, accepted: str, refused: str, message: str) -> Case:
    return Case(question, {"name": accepted}, {"name": refused}, "metadata.name", message)


def _trusted_types(question: str, accepted: str, refused: str) -> Case:
    one, other = ({"model": {"trustedTypes": [name]}} for name in (accepted, refused))
    return Case(question, one, other, "spec.model.trustedTypes[0]", "should match")


_FILE_NAME = "m" * 200
_EVALUATION: Object = {
    "dataset": {"uri": "s3://models/rows.csv"},
    "target": "label",
    "metrics": [{"name": "accuracy", "min": 0.9}],
}
_EVALUATED: Object = {"preflight": {"evaluation": _EVALUATION}}
_SMALL: Object = {"name": "small", "uri": "s3://models/fraud/small.onnx"}
_LARGE: Object = {"name": "large", "uri": "s3://models/fraud/large.joblib"}


def _candidates(question: str, accepted: list[Object], refused: list[Object], place: str, message: str) -> Case:
    one, other = ({"model": {"candidates": candidates}, **_EVALUATED} for candidates in (accepted, refused))
    return Case(question, one, other, f"spec.model.candidates{place}", message)


NAMES = (
    _name("name length", "f" * 40, "f" * 41, "at most 40 characters"),
    _name("name begins with a letter", "f7", "7f", "begin with a letter"),
    _name("name has no dot", "fraud-v2", "fraud.v2", "lower-case letters, digits and '-'"),
    _name("name does not end in -canary", "canary-fraud", "fraud-canary", "must not end in -canary"),
)

MODELS = (
    _uri("scheme", "https://example.com/model.joblib", "ftp://example.com/model.joblib", "must begin with s3://"),
    _uri("scheme in lower case", URI, "S3://models/fraud/model.joblib", "must begin with s3://"),
    _uri("white space", "s3://models/my%20model", "s3://models/my model", "must hold no space"),
    _uri("white space of other scripts", "s3://models/modèle", "s3://models/mod\u3000le", "must hold no space"),
    _uri("line break", URI, f"{URI}\n", "must hold no space"),
    _uri("user and password", "https://h/model@1", "https://user:password@h/model", "no user name or password"),
    _uri("parent folder", "s3://models/a..b/model", "s3://models/../model", "must not climb out of a folder"),
    _uri(
        "parent folder in code", "s3://models/%2e/model", "s3://models/%2E%2e/model", "must not climb out of a folder"
    ),
    _uri("parent folder at the end", "https://h/a?b=/../c", "https://h/a/..?b=c", "must not climb out of a folder"),
    _uri("file is absolute", "file:///models/model.joblib", "file://models/model.joblib", "absolute path of one file"),
    _uri("file has a name", "file:///models/", "file:///", "absolute path of one file"),
    _uri("folder in a bucket", "s3://models/fraud/", "s3://models/fraud//", "or a folder with / at its end"),
    _uri("folder on the web", "https://h/m.zip", "https://h/m/", "pack a folder as .zip"),
    _uri("web address names a file", "http://h:8080/m?v=1", "http://h:8080/?v=1", "names a host and one file"),
    _uri("web address names a host", "http://[::1]:80/m", "http:///m", "names a host and one file"),
    _uri("web address has no fragment", "https://h/m", "https://h/m#part", "names a host and one file"),
    _uri("letters of other scripts", "s3://b/ümlaut.joblib", "s3://b/ümlaut\u2003.joblib", "must hold no space"),
    _uri("bucket name", "s3://mod.els/m", "s3://Models/m", "names a bucket and the key"),
    _uri("key", "s3://models/m", "s3://models/", "names a bucket and the key"),
    _uri("hidden file", "s3://models/.hidden/m", "s3://models/.modelway.json", "must not begin with a dot"),
    _uri("length of the file's name", f"s3://models/{_FILE_NAME}", f"s3://models/{_FILE_NAME}m", "nor exceed 200"),
    _uri("length of the uri", f"s3://models/{'a/' * 1000}m", f"s3://models/{'a/' * 1020}m", "Too long"),
    Case(
        "uri is required",
        {},
        {"raw": {"model": {"format": "auto"}}},
        "spec.model.uri",
        "Required value",
    ),
    Case("format", {"model": {"format": "onnx"}}, {"model": {"format": "pmml"}}, "spec.model.format", "Unsupported"),
    _trusted_types("a trusted type has a package", "churn.Recency", "Recency"),
    _trusted_types("a trusted package", "churn.encoders.*", "churn.*.Encoder"),
    _trusted_types("one trusted type an entry", "churn.A", "churn.A,churn.B"),
    Case(
        "at most 64 trusted types",
        {"model": {"trustedTypes": [f"churn.T{n}" for n in range(64)]}},
        {"model": {"trustedTypes": [f"churn.T{n}" for n in range(65)]}},
        "spec.model.trustedTypes",
        "Too many",
    ),
    Case(
        "version is a label value",
        {"model": {"version": "v1.2_3-rc"}},
        {"model": {"version": "v1 "}},
        "spec.model.version",
        "should match",
    ),
    Case(
        "version's length",
        {"model": {"version": "v" * 63}},
        {"model": {"version": "v" * 64}},
        "spec.model.version",
        "Too long",
    ),
    *(
        Case(
            "digest's form",
            {"model": {"digest": f"sha256:{'a' * 64}"}},
            {"model": {"digest": wrong}},
            "spec.model.digest",
            message,
        )
        for wrong, message in (
            ("a" * 64, "should match"),
            (f"sha256:{'A' * 64}", "should match"),
            (f"sha256:{'a' * 63}", "should match"),
            (f"sha256:{'a' * 65}", "Too long"),
        )
    ),
    Case("version is not empty", {}, {"model": {"version": ""}}, "spec.model.version", "at least 1 chars"),
    Case(
        "Secret's name",
        {"model": {"storage": {"secretRef": {"name": "s3.models"}}}},
        {"model": {"storage": {"secretRef": {"name": "S3_models"}}}},
        "spec.model.storage.secretRef.name",
        "should match",
    ),
    Case(
        "no Secret for a file in the image",
        {"model": {"uri": "https://h/m", "storage": {"secretRef": {"name": "s"}}}},
        {"model": {"uri": "file:///m", "storage": {"secretRef": {"name": "s"}}}},
        "spec.model.storage.secretRef",
        "needs no credentials",
    ),
    Case(
        "service account's name",
        {"model": {"storage": {"serviceAccountName": "store.reader"}}},
        {"model": {"storage": {"serviceAccountName": "Store"}}},
        "spec.model.storage.serviceAccountName",
        "should match",
    ),
    Case(
        "no service account for a file in the image",
        {"model": {"uri": "https://h/m", "storage": {"serviceAccountName": "s"}}},
        {"model": {"uri": "file:///m", "storage": {"serviceAccountName": "s"}}},
        "spec.model.storage.serviceAccountName",
        "needs no identity",
    ),
    _candidates("a candidate has a name", [_SMALL], [{"uri": URI}], "[0].name", "Required"),
    _candidates("a candidate has a uri", [_SMALL], [{"name": "small"}], "[0].uri", "Required"),
    _candidates("a candidate's name is a label", [_SMALL], [{**_SMALL, "name": "Small"}], "[0].name", "should match"),
    _candidates(
        "length of a candidate's name",
        [{**_SMALL, "name": "s" * 32}],
        [{**_SMALL, "name": "s" * 33}],
        "[0].name",
        "Too long",
    ),
    *(
        _candidates(f"{name} is no candidate", [_SMALL], [{**_SMALL, "name": name}], "[0].name", "of Modelway's own")
        for name in ("model", "int8")
    ),
    _candidates("a candidate's name stands once", [_SMALL, _LARGE], [_SMALL, _LARGE, _SMALL], "", "a name of its own"),
    _candidates(
        "a candidate's uri", [_SMALL], [_LARGE, {**_SMALL, "uri": "ftp://h/m"}], "[1].uri", "must begin with s3://"
    ),
    _candidates(
        "a candidate's format",
        [{**_SMALL, "format": "onnx"}],
        [{**_SMALL, "format": "pmml"}],
        "[0].format",
        "Unsupported",
    ),
    _candidates(
        "at most 6 candidates",
        [{**_SMALL, "name": f"c{n}"} for n in range(6)],
        [{**_SMALL, "name": f"c{n}"} for n in range(7)],
        "",
        "Too many",
    ),
    Case(
        "candidates are evaluated",
        {"model": {"candidates": [_SMALL]}, **_EVALUATED},
        {"model": {"candidates": [_SMALL]}, "preflight": {"enabled": True}},
        "spec.model.candidates",
        "candidates are compared by preflight.evaluation",
    ),
    Case(
        "int8 is evaluated",
        {"runtime": {"precision": "int8"}, **_EVALUATED},
        {"runtime": {"precision": "int8"}},
        "spec.runtime.precision",
        "int8 serves only if preflight.evaluation shows",
    ),
    Case(
        "a loss of quality is for several models",
        {"runtime": {"precision": "int8"}, "preflight": {"evaluation": {**_EVALUATION, "maxQualityLoss": 0.01}}},
        {"preflight": {"evaluation": {**_EVALUATION, "maxQualityLoss": 0.01}}},
        "spec.preflight.evaluation.maxQualityLoss",
        "maxQualityLoss chooses among several models",
    ),
    Case("no unknown field", {}, {"model": {"url": URI}}, "spec.model.url", "unknown field"),
)
