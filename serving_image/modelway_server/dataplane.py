"""What every transport serves: metadata, and a request's bytes to an answer's bytes.

Synchronous and free of transports: the caller decides in which thread it runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from numpy.typing import NDArray

from modelway_server.contract.rows import Rows, rows_of_columns, rows_of_instances, rows_of_tensors
from modelway_server.errors import MalformedRequest
from modelway_server.protocol import v1, v2
from modelway_server.protocol.classification import EXTENSION, best_classes
from modelway_server.runtimes.base import Runtime

SERVER_NAME = "modelway-server"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which model this is.

    Attributes:
        name: its name in URLs.
        version: the user's word for its version; empty when there is none.
        revision: hash of its revision.
        digest: sha256 of its artifact; empty when unknown.
    """

    name: str
    version: str = ""
    revision: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An encoded answer and the number of rows it is for."""

    body: bytes
    rows: int


class DataPlane:
    """One model behind its protocols."""

    def __init__(self, runtime: Runtime, identity: Identity) -> None:
        self.identity = identity
        self._runtime = runtime

    def infer(self, body: bytes) -> Answer:
        """Answer a V2 inference request.

        Raises:
            InputError: the request is at fault; the field is named.
            PredictionFailed: the model is.
        """
        request = v2.decode_request(body)
        asked = request.outputs or {self._runtime.methods[0]: 0}
        methods = tuple(asked)
        self._check_outputs(methods)
        rows = rows_of_tensors(self._runtime.signature, request.inputs)
        outputs = {
            name: values for method, best in asked.items() for name, values in self._call(method, rows, best).items()
        }
        answer = v2.encode_answer(
            model=self.identity.name,
            version=self.identity.version,
            request_id=request.id,
            outputs=outputs,
            classes=self._classes(methods) if request.classes else {},
        )
        return Answer(answer.content, rows.count)

    def predict(self, body: bytes) -> Answer:
        """Answer a V1 prediction request with the default method.

        Raises:
            InputError: the request is at fault; the field is named.
            PredictionFailed: the model is.
        """
        request = v1.decode_request(body)
        method = self._runtime.methods[0]
        classes = list(self._classes((method,)).values()) if request.classes else []
        rows = self._v1_rows(request)
        outputs = self._runtime.call(method, rows.values, rows.count)
        # several arrays have one list of classes each
        return Answer(v1.encode_answer(outputs, classes[0] if len(classes) == 1 else classes or None), rows.count)

    def server_metadata(self) -> dict[str, Any]:
        """The V2 metadata of the server."""
        return {"name": SERVER_NAME, "version": version("modelway"), "extensions": [EXTENSION]}

    def model_metadata(self) -> dict[str, Any]:
        """The V2 metadata of the model, with what tells one revision from another as parameters."""
        identity, signature = self.identity, self._runtime.signature
        return {
            "name": identity.name,
            "versions": [identity.version] if identity.version else [],
            "platform": self._runtime.platform,
            "inputs": signature.describe_inputs(),
            "outputs": signature.describe_outputs(),
            "parameters": self.description(),
        }

    def description(self) -> Mapping[str, str]:
        """Class, versions, digest and revision of the model; what is unknown is left out."""
        facts = {"revision": self.identity.revision, "digest": self.identity.digest}
        return (
            dict(self._runtime.description)
            | {"method": self._runtime.methods[0]}
            | {k: v for k, v in facts.items() if v}
        )

    def _call(self, method: str, rows: Rows, best: int) -> dict[str, NDArray[Any]]:
        """The outputs of one method, as the best classes of each row where `best` says how many."""
        outputs = self._runtime.call(method, rows.values, rows.count)
        if not best:
            return outputs
        classes = {output.name: output.classes for output in self._runtime.signature.outputs[method]}
        return {name: best_classes(name, values, best, classes.get(name)) for name, values in outputs.items()}

    def _classes(self, methods: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
        """The classes of the outputs of these methods that have any, by the output's name.

        Raises:
            MalformedRequest: none has.
        """
        outputs = [output for method in methods for output in self._runtime.signature.outputs[method]]
        classes = {output.name: output.classes for output in outputs if output.classes is not None}
        if not classes:
            raise MalformedRequest(f"{', '.join(methods)} of this model has no classes", field="parameters.classes")
        return classes

    def _v1_rows(self, request: v1.PredictRequest) -> Rows:
        signature = self._runtime.signature
        if request.columns is not None:
            return rows_of_columns(signature, request.columns)
        return rows_of_instances(signature, request.rows or [], request.member)

    def _check_outputs(self, names: tuple[str, ...]) -> None:
        for index, name in enumerate(names):
            if name not in self._runtime.methods:
                raise MalformedRequest(
                    f"the model has no output {name!r}; it has {', '.join(self._runtime.methods)}",
                    field=f"outputs[{index}].name",
                )
