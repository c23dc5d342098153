"""What every transport serves: the metadata of one model, and the answers to queries.

A transport reads a request's body into a `Query` by the reader of its protocol (a module of this package each). The
predictor has the query answered when its turn comes, and the transport sends the `Body`. Everything here is synchronous
and knows no transport: the caller decides in which thread it runs.
"""

import time
from collections.abc import Hashable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from modelway_server.contract.row_batches import kind_of, stack
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.query import Answer, Arrays, CallOutputs, Query
from modelway_server.errors import MalformedRequest
from modelway_server.protocol import binary, classification
from modelway_server.protocol.classification import best_classes
from modelway_server.protocol.trace_context import TRACE_ID
from modelway_server.runtimes.base import Runtime, as_estimator_holder

SERVER_NAME = "modelway-server"


class DataPlane:
    """One model behind its protocols.

    Args:
        runtime: what evaluates the model.
        identity: which model it is.
    """

    def __init__(self, runtime: Runtime, identity: Identity) -> None:
        self.identity = identity
        self.runtime = runtime

    @property
    def gives_amounts(self) -> bool:
        """Whether integers in its answers are amounts, as a regressor's are; else they are labels."""
        holder = as_estimator_holder(self.runtime)
        if holder is None:
            return False
        from sklearn.base import is_regressor  # noqa: PLC0415  (it is imported where there is such an object)

        try:
            return bool(is_regressor(holder.estimator))
        except Exception:  # noqa: BLE001  (the object's own code, which need not tell)
            return False

    def server_metadata(self) -> dict[str, Any]:
        """The V2 metadata of the server."""
        return {
            "name": SERVER_NAME,
            "version": version("modelway"),
            "extensions": [classification.EXTENSION, binary.EXTENSION],
        }

    def model_metadata(self) -> dict[str, Any]:
        """The V2 metadata of the model; its parameters tell one revision from another."""
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

    def classes_of(self, methods: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
        """The classes of the outputs of these methods that have any, by the output's name.

        Raises:
            MalformedRequest: no output has classes.
        """
        outputs = [output for method in methods for output in self.runtime.signature.outputs[method]]
        classes = {output.name: output.classes for output in outputs if output.classes is not None}
        if not classes:
            raise MalformedRequest(f"{', '.join(methods)} of this model has no classes", field="parameters.classes")
        return classes

    def kind_of(self, query: Query) -> Hashable | None:
        """The kind of a query. One call of the model answers all queries of one kind; those of None go alone."""
        if query.usual is not None:
            return query.usual.kind
        kind = kind_of(query.rows)
        return None if kind is None else (tuple(query.methods), kind)

    def answer(self, query: Query) -> Answer:
        """Call the model, and encode its outputs.

        Raises:
            InvalidInput: the model refuses the rows.
            PredictionFailed: the model is at fault.
        """
        (answer,) = self.answer_all([query])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer_all(self, queries: Sequence[Query]) -> list[Answer | Exception]:
        """The answer to each query, or why it has none; queries that cannot be answered together are tried in halves.

        Args:
            queries: of one kind.
        """
        begun = time.monotonic()
        try:
            outputs = self._call(queries) if len(queries) > 1 else self._call_alone(queries[0])
        except Exception as error:  # noqa: BLE001  (a model may raise anything; it is its caller's)
            if len(queries) == 1:
                return [error]
            middle = len(queries) // 2
            return self.answer_all(queries[:middle]) + self.answer_all(queries[middle:])
        called = time.monotonic()
        answers: list[Answer | Exception] = []
        end = 0
        for query in queries:
            begin, end = end, end + query.rows.count
            answers.append(answer := self._encode(query, outputs, begin, end))
            if query.stages is not None:
                query.stages.calling, query.stages.called = begun, called
                query.stages.encoded = time.monotonic() if isinstance(answer, Answer) else 0.0
        return answers

    def _call_alone(self, query: Query) -> CallOutputs:
        """The outputs of each method for one query; log lines of the model then name its trace."""
        if not query.trace_id:
            return self._call([query])
        token = TRACE_ID.set(query.trace_id)
        try:
            return self._call([query])
        finally:
            TRACE_ID.reset(token)

    def _call(self, queries: Sequence[Query]) -> CallOutputs:
        """The outputs of each method for the rows of all queries."""
        rows = stack([query.rows for query in queries])
        whole = {method: self.runtime.call(method, rows.values, rows.count) for method in queries[0].methods}
        return CallOutputs(whole, rows.count)

    def _encode(self, query: Query, outputs: CallOutputs, begin: int, end: int) -> Answer | Exception:
        try:
            body = None if query.usual is None else query.usual.encode_part(outputs, begin, end)
            if body is None:
                body = query.encode(self._arrays(query, outputs.part(begin, end)))
        except Exception as error:  # noqa: BLE001  (it is this query's alone)
            return error
        return Answer(body, outputs, begin, end)

    def _arrays(self, query: Query, outputs: Mapping[str, Arrays]) -> Arrays:
        """The arrays that the answer holds."""
        arrays: Arrays = {}
        for method, best in query.methods.items():
            arrays.update(self._best(method, outputs[method], best) if best else outputs[method])
        return arrays

    def _best(self, method: str, arrays: Arrays, best: int) -> Arrays:
        """The best classes of each row instead of all scores."""
        classes = {output.name: output.classes for output in self.runtime.signature.outputs[method]}
        return {name: best_classes(name, values, best, classes.get(name)) for name, values in arrays.items()}
