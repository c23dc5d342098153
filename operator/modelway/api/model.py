"""The block `model`: which trained model is served, and how its file is reached."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from modelway.api.base import ApiModel, Rule
from modelway.api.fields import CANDIDATE_NAME_PATTERN, LabelValue, ObjectName, Sha256, TypeName, atomic_list
from modelway.api.location import URI_RULES

Format = Literal["auto", "sklearn", "skops", "onnx", "xgboost", "lightgbm", "pytorch", "tensorflow", "mlflow"]
"""How a model was saved."""
SPEC_MODEL, INT8 = "model", "int8"
"""Contestants beside the candidates: that of `uri`, and the same with weights of 8 bits."""


class SecretRef(ApiModel):
    """A Secret in the namespace of the ModelDeployment."""

    name: ObjectName
    """The name of the Secret."""


class Storage(ApiModel):
    """How the model file is reached."""

    secret_ref: SecretRef | None = None
    """The Secret whose keys become environment variables of the download alone, for example AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY; the model itself never sees them."""
    service_account_name: ObjectName | None = None
    """The ServiceAccount whose workload identity opens the store (S3, with AWS_ROLE_ARN in the Secret or by the cloud's own webhook): the
    pods run under it, and its token, made for the cloud alone, goes to the download alone. The platform must allow it."""


class Candidate(ApiModel):
    """Another artifact of the same model: of another algorithm, say, or a pruned, quantised or distilled one."""

    name: Annotated[str, Field(min_length=1, max_length=32, pattern=CANDIDATE_NAME_PATTERN)]
    """What status and messages call it; model and int8 are names of Modelway's own."""
    uri: Annotated[str, Field(min_length=1, max_length=2048)]
    """Where it lies, as in model.uri. It is fetched with the credentials of model.storage."""
    format: Annotated[Format | None, AfterValidator(lambda it: None if it == "auto" else it)] = None
    """How it was saved, as in model.format; auto when left out."""
    version: Annotated[LabelValue, Field(min_length=1)] | None = None
    """Your name for this version of it."""
    trusted_types: Annotated[tuple[TypeName, ...], atomic_list(64)] = ()
    """What its file may name beside what models are made of, as in model.trustedTypes."""

    rules = (
        *URI_RULES,
        Rule(
            cel=f"!(self.name in ['{SPEC_MODEL}', '{INT8}'])",
            holds=lambda it: it.name not in {SPEC_MODEL, INT8},
            message="{name} is the name of a contestant of Modelway's own: choose another one, for example small",
            field="name",
        ),
    )


class Model(ApiModel):
    """The trained model to serve."""

    uri: Annotated[str, Field(min_length=1, max_length=2048)]
    """Where the model lies: s3://bucket/key, https://host/path, http://host/path, or file:///path inside the server image. A model that is
    a folder ends in / (s3 and file), or is packed as one .zip or .tar.gz file."""
    format: Format = "auto"
    """How the model was saved: sklearn is a scikit-learn model written by joblib or pickle; auto looks at the file, and a file of another
    format than the one named here is refused."""
    version: Annotated[LabelValue, Field(min_length=1)] | None = None
    """Your name for this version of the model, shown in status and in answers. A new version on the same uri fetches the file again."""
    digest: Sha256 | None = None
    """The SHA-256 that the model file must have, as sha256: and 64 digits of 0-9 and a-f; that of a folder is what status shows. No pod serves
    other bytes. A new digest on the same uri fetches the file again."""
    storage: Storage | None = None
    """How the model file is reached, where it needs credentials."""
    trusted_types: Annotated[tuple[TypeName, ...], atomic_list(64)] = ()
    """What the model file may name beside what models are made of: a class or function of the image such as churn.features.Recency, or a
    whole package such as churn.encoders.*. Loading the file may run what is named here."""
    candidates: Annotated[tuple[Candidate, ...], atomic_list(6)] = ()
    """Other artifacts of this model. The preflight evaluates them beside that of uri, and one of them all serves."""

    rules = (
        *URI_RULES,
        Rule(
            cel="!has(self.candidates) || self.candidates.all(one, self.candidates.exists_one(other, other.name == one.name))",
            holds=lambda it: len({one.name for one in it.candidates}) == len(it.candidates),
            message="candidates must have a name of its own each: rename one of those that share a name",
            field="candidates",
        ),
        Rule(
            cel="!self.uri.startsWith('file://') || !has(self.storage) || !has(self.storage.secretRef)",
            holds=lambda it: not it.uri.startswith("file://") or it.storage is None or it.storage.secret_ref is None,
            message="a file inside the server image needs no credentials: leave storage.secretRef out, "
            "or give an s3:// or https:// address",
            field="storage.secretRef",
        ),
        Rule(
            cel="!self.uri.startsWith('file://') || !has(self.storage) || !has(self.storage.serviceAccountName)",
            holds=lambda it: (
                not it.uri.startswith("file://") or it.storage is None or it.storage.service_account_name is None
            ),
            message="a file inside the server image needs no identity: leave storage.serviceAccountName out, "
            "or give an s3:// or https:// address",
            field="storage.serviceAccountName",
        ),
    )
