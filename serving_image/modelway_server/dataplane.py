"""What every transport serves: metadata, and a request's bytes to an answer's bytes in three steps.

A transport reads a request's body into a `Query`, the predictor has it answered when its turn comes, and the transport
sends the `Body`. Synchronous and free of transports: the caller decides in which thread it runs.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, NamedTuple

from numpy.typing import NDArray

from modelway_server.contract.frames import rows_of_frame, rows_of_records
from modelway_server.contract.names import member_names
from modelway_server.contract.requested_outputs import arrays_asked, methods_asked
from modelway_server.contract.row_batches import kind_of, stack, unstack
from modelway_server.contract.rows import Rows, rows_of_instances, rows_of_tensors
from modelway_server.contract.signature import Output
from modelway_server.errors import MalformedRequest, UnknownModel
from modelway_server.protocol import binary, classification, mlflow, rows, v1, v2
from modelway_server.protocol.classification import best_classes
from modelway_server.protocol.trace_context import TRACE_ID
from modelway_server.runtimes.base import Runtime
from modelway_server.telemetry.observers import Stages

SERVER_NAME = "modelway-server"
JSON = b"application/json"
BINARY = b"application/octet-stream"

Arrays = dict[str, NDArray[Any]]
"""Outputs by name."""
Classes = Mapping[str, tuple[Any, ...]]
"""What outputs stand for, by their name."""


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


class Body(NamedTuple):
    """An encoded answer.

    Attributes:
        content: its bytes.
        content_type: media type.
        headers: beside type and length, names in lower case.
    """

    content: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class Query:
    """One request that was read: what the model is asked, and how its answer is told.

    Attributes:
        asked: the methods, and of how many of the best classes each shall tell (0: all scores).
        rows: that passed the model's contract.
        encode: the answer of the outputs of all these methods.
        timeout: seconds in which its caller wants the answer, or None when the request does not say.
        stages: where it stands, for whoever watches; None where nobody does.
        trace_id: of the trace that it belongs to; empty when it does not say.
    """

    asked: Mapping[str, int]
    rows: Rows
    encode: Callable[[Arrays], Body]
    timeout: float | None = None
    stages: Stages | None = None
    trace_id: str = field(default_factory=TRACE_ID.get)


class DataPlane:
    """One model behind its protocols."""

    def __init__(self, runtime: Runtime, identity: Identity) -> None:
        self.identity = identity
        self.runtime = runtime

    def read_infer(self, body: bytes, header_length: int | None = None) -> Query:
        """Read a V2 inference request.

        Args:
            body: JSON, and after it the tensors that are bytes.
            header_length: bytes of the JSON where tensors follow it, else None.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        request = v2.decode_request(body, header_length)

        def encode(outputs: Arrays, classes: Classes) -> Body:
            name, model_version = self.identity.name, self.identity.version
            answer = v2.encode_answer(
                model=name,
                version=model_version,
                request_id=request.id,
                outputs=outputs,
                classes=classes,
                binary=arrays_asked(request.binary, self.runtime.signature),
            )
            if answer.header_length is None:
                return Body(answer.content)
            length = str(answer.header_length).encode()
            return Body(answer.content, BINARY, ((b"inference-header-content-length", length),))

        return self.ask(request, encode)

    def ask(self, request: v2.InferRequest, encode: Callable[[Arrays, Classes], Body]) -> Query:
        """What a V2 inference request asks the model, whatever it was encoded in.

        Args:
            request: that was decoded.
            encode: the answer of all outputs, and of the classes of those that shall name them.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        asked, wanted = methods_asked(request.outputs, self.runtime.methods, self.runtime.signature)
        rows = rows_of_tensors(self.runtime.signature, request.inputs)
        classes = self._classes(tuple(asked)) if request.classes else {}
        if wanted is None:
            return Query(asked, rows, lambda outputs: encode(outputs, classes), request.timeout)

        def encode_wanted(outputs: Arrays) -> Body:
            return encode({name: values for name, values in outputs.items() if name in wanted}, classes)

        return Query(asked, rows, encode_wanted, request.timeout)

    def check_model(self, name: str, model_version: str) -> None:
        """Refuse a request for another model than the one that is served; an empty version stands for any.

        Raises:
            UnknownModel: it is for another one.
        """
        identity = self.identity
        if name != identity.name:
            raise UnknownModel(f"there is no model {name!r} here; this server has {identity.name!r}")
        if model_version not in {"", identity.version}:
            known = f"its version is {identity.version!r}" if identity.version else "it has no version"
            raise UnknownModel(f"there is no version {model_version!r} of model {name!r}; {known}")

    def read_predict(self, body: bytes) -> Query:
        """Read a V1 prediction request.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        request = v1.decode_request(body, long_integers=self.runtime.signature.literal)
        rows_asked = self._rows(request.rows, request.columns, request.member)
        return self._predictions(rows_asked, request.method, "parameters", classes=request.classes)

    def read_invocations(self, body: bytes) -> Query:
        """Read a request of MLflow's scoring protocol in JSON.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        return self._invocation(mlflow.decode_json(body, long_integers=self.runtime.signature.literal))

    def read_csv(self, body: bytes, charset: str = "") -> Query:
        """Read a request of MLflow's scoring protocol in CSV.

        Args:
            body: lines of text.
            charset: what the request calls its encoding, in lower case; empty for UTF-8.

        Raises:
            InputError: the request is at fault; the line or the column is named.
        """
        return self._invocation(mlflow.decode_csv(body, charset))

    def read_rows(self, body: bytes) -> Query:
        """Read a request of rows as people write them, which is answered in words.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        signature = self.runtime.signature
        rows_asked = rows_of_instances(signature, rows.decode_request(body, long_integers=signature.literal), "rows")
        methods = rows.methods_to_ask(self.runtime.methods)

        def encode(outputs: Arrays) -> Body:
            named = [self._named(method, output, outputs) for method in methods for output in self._outputs_of(method)]
            name, model_version = self.identity.name, self.identity.version
            return Body(rows.encode_answer(model=name, version=model_version, count=rows_asked.count, outputs=named))

        return Query(dict.fromkeys(methods, 0), rows_asked, encode)

    def kind_of(self, query: Query) -> Hashable | None:
        """Queries of one kind can be answered by one call of the model; those of None go alone."""
        kind = kind_of(query.rows)
        return None if kind is None else (tuple(query.asked), kind)

    def answer(self, query: Query) -> Body:
        """Ask the model, and encode what it says.

        Raises:
            InvalidInput: the model refuses the rows.
            PredictionFailed: the model is at fault.
        """
        (answer,) = self.answer_all([query])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer_all(self, queries: Sequence[Query]) -> list[Body | Exception]:
        """The answer to each query, or why it has none; where they cannot be answered together, in smaller parts.

        Args:
            queries: of one kind.
        """
        begun = time.monotonic()
        try:
            outputs = self._outputs(queries) if len(queries) > 1 else [self._outputs_alone(queries[0])]
        except Exception as error:  # noqa: BLE001  (a model may raise anything; it is its caller's)
            if len(queries) == 1:
                return [error]
            middle = len(queries) // 2
            return self.answer_all(queries[:middle]) + self.answer_all(queries[middle:])
        called = time.monotonic()
        for query in queries:
            if query.stages is not None:
                query.stages.calling, query.stages.called = begun, called
        return [self._encoded(query, arrays) for query, arrays in zip(queries, outputs, strict=True)]

    def server_metadata(self) -> dict[str, Any]:
        """The V2 metadata of the server."""
        return {
            "name": SERVER_NAME,
            "version": version("modelway"),
            "extensions": [classification.EXTENSION, binary.EXTENSION],
        }

    def model_metadata(self) -> dict[str, Any]:
        """The V2 metadata of the model, with what tells one revision from another as parameters."""
        identity, signature = self.identity, self.runtime.signature
        return {
            "name": identity.name,
            "versions": [identity.version] if identity.version else [],
            "platform": self.runtime.platform,
            "inputs": signature.describe_inputs(),
            "outputs": signature.describe_outputs(),
            "parameters": self.description(),
        }

    def description(self) -> Mapping[str, str]:
        """Class, versions, digest and revision of the model; what is unknown is left out."""
        facts = {"revision": self.identity.revision, "digest": self.identity.digest}
        return (
            dict(self.runtime.description) | {"method": self.runtime.methods[0]} | {k: v for k, v in facts.items() if v}
        )

    def _outputs_alone(self, query: Query) -> dict[str, Arrays]:
        """What each method gives for a query alone, whose trace is then named by what is logged."""
        if not query.trace_id:
            return self._outputs([query])[0]
        token = TRACE_ID.set(query.trace_id)
        try:
            return self._outputs([query])[0]
        finally:
            TRACE_ID.reset(token)

    def _outputs(self, queries: Sequence[Query]) -> list[dict[str, Arrays]]:
        """What each method gives for each query."""
        rows = stack([query.rows for query in queries])
        whole = {method: self.runtime.call(method, rows.values, rows.count) for method in queries[0].asked}
        if len(queries) == 1:
            return [whole]
        counts = [query.rows.count for query in queries]
        parts = {method: unstack(arrays, counts) for method, arrays in whole.items()}
        return [{method: parts[method][index] for method in whole} for index in range(len(queries))]

    def _encoded(self, query: Query, outputs: Mapping[str, Arrays]) -> Body | Exception:
        arrays: Arrays = {}
        try:
            for method, best in query.asked.items():
                arrays.update(self._best(method, outputs[method], best) if best else outputs[method])
            body = query.encode(arrays)
        except Exception as error:  # noqa: BLE001  (it is this query's alone)
            return error
        if query.stages is not None:
            query.stages.encoded = time.monotonic()
        return body

    def _best(self, method: str, arrays: Arrays, best: int) -> Arrays:
        """The best classes of each row in the place of all scores."""
        classes = {output.name: output.classes for output in self.runtime.signature.outputs[method]}
        return {name: best_classes(name, values, best, classes.get(name)) for name, values in arrays.items()}

    def _classes(self, methods: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
        """The classes of the outputs of these methods that have any, by the output's name.

        Raises:
            MalformedRequest: none has.
        """
        outputs = [output for method in methods for output in self.runtime.signature.outputs[method]]
        classes = {output.name: output.classes for output in outputs if output.classes is not None}
        if not classes:
            raise MalformedRequest(f"{', '.join(methods)} of this model has no classes", field="parameters.classes")
        return classes

    def _invocation(self, request: mlflow.Invocation) -> Query:
        rows_asked = self._rows(
            request.rows, request.columns, request.member, ordered=request.ordered, textual=request.textual
        )
        return self._predictions(rows_asked, request.method, "params", classes=request.classes)

    def _rows(
        self,
        given: Sequence[Any] | None,
        columns: Mapping[str, Sequence[Any]] | None,
        member: str,
        *,
        ordered: bool = False,
        textual: bool = False,
    ) -> Rows:
        signature = self.runtime.signature
        if columns is not None:
            return rows_of_frame(signature, columns, member, ordered=ordered, textual=textual)
        return rows_of_records(signature, given or [], member)

    def _predictions(self, rows_asked: Rows, method: str, field: str, *, classes: bool) -> Query:
        """What V1 and MLflow ask: one method, or the default where it is empty."""
        asked = method or self.runtime.methods[0]
        if asked not in self.runtime.methods:
            known = ", ".join(self.runtime.methods)
            raise MalformedRequest(f"the model has no method {asked!r}; it has {known}", field=f"{field}.method")
        lists = list(self._classes((asked,)).values()) if classes else []
        # several arrays have one list of classes each
        told = lists[0] if len(lists) == 1 else lists or None
        return Query({asked: 0}, rows_asked, lambda outputs: Body(v1.encode_answer(outputs, told)))

    def _named(self, method: str, output: Output, outputs: Arrays) -> rows.NamedOutput:
        return rows.NamedOutput(rows.WORDS.get(method, method), outputs[output.name], member_names(method, output))

    def _outputs_of(self, method: str) -> tuple[Output, ...]:
        return self.runtime.signature.outputs[method]
