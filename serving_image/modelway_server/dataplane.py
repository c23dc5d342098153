"""What every transport serves: metadata, and a request's bytes to an answer's bytes in three steps.

A transport reads a request's body into a `Query`, the predictor has it answered when its turn comes, and the transport
sends the `Body`. Synchronous and free of transports: the caller decides in which thread it runs.
"""

from collections.abc import Callable, Mapping
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
JSON = b"application/json"

Arrays = dict[str, NDArray[Any]]
"""Outputs by name."""


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
class Body:
    """An encoded answer.

    Attributes:
        content: its bytes.
        content_type: media type.
        headers: beside type and length, names in lower case.
    """

    content: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One request that was read: what the model is asked, and how its answer is told.

    Attributes:
        asked: the methods, and of how many of the best classes each shall tell (0: all scores).
        rows: that passed the model's contract.
        encode: the answer of the outputs of all these methods.
        timeout: seconds in which its caller wants the answer, or None when the request does not say.
    """

    asked: Mapping[str, int]
    rows: Rows
    encode: Callable[[Arrays], Body]
    timeout: float | None = None


class DataPlane:
    """One model behind its protocols."""

    def __init__(self, runtime: Runtime, identity: Identity) -> None:
        self.identity = identity
        self._runtime = runtime

    def read_infer(self, body: bytes) -> Query:
        """Read a V2 inference request.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        request = v2.decode_request(body)
        asked = request.outputs or {self._runtime.methods[0]: 0}
        methods = tuple(asked)
        self._check_outputs(methods)
        rows = rows_of_tensors(self._runtime.signature, request.inputs)
        classes = self._classes(methods) if request.classes else {}

        def encode(outputs: Arrays) -> Body:
            name, model_version = self.identity.name, self.identity.version
            answer = v2.encode_answer(
                model=name, version=model_version, request_id=request.id, outputs=outputs, classes=classes
            )
            return Body(answer.content)

        return Query(asked, rows, encode)

    def read_predict(self, body: bytes) -> Query:
        """Read a V1 prediction request, which the default method answers.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        request = v1.decode_request(body)
        method = self._runtime.methods[0]
        classes = list(self._classes((method,)).values()) if request.classes else []
        # several arrays have one list of classes each
        told = classes[0] if len(classes) == 1 else classes or None
        return Query({method: 0}, self._v1_rows(request), lambda outputs: Body(v1.encode_answer(outputs, told)))

    def answer(self, query: Query) -> Body:
        """Ask the model, and encode what it says.

        Raises:
            InvalidInput: the model refuses the rows.
            PredictionFailed: the model is at fault.
        """
        outputs: Arrays = {}
        for method, best in query.asked.items():
            arrays = self._runtime.call(method, query.rows.values, query.rows.count)
            outputs.update(self._best(method, arrays, best) if best else arrays)
        return query.encode(outputs)

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

    def _best(self, method: str, arrays: Arrays, best: int) -> Arrays:
        """The best classes of each row in the place of all scores."""
        classes = {output.name: output.classes for output in self._runtime.signature.outputs[method]}
        return {name: best_classes(name, values, best, classes.get(name)) for name, values in arrays.items()}

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
