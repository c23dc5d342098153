"""The V2 request that most clients send, read and answered by a plan that is made once for each model.

It is one tensor of [rows, columns] as numbers in JSON, for a model that takes float64 in every column. Whatever else
comes, valid or not, is left to `v2`, which knows every case and names what is wrong. Both give the same bytes for
what both read.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from modelway_server.contract.numeric import quick_doubles
from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Form, Signature
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Arrays, Body, CallOutputs, Query
from modelway_server.errors import MalformedRequest
from modelway_server.protocol import v2
from modelway_server.protocol.bulk_json import MIN_BYTES
from modelway_server.protocol.strict_json import dumps
from modelway_server.protocol.tensors import NUMPY_TYPES, datatype_of, parse_data

_DATATYPES: Final = frozenset({"FP32", "INT64"})
"""Datatypes beside FP64 that are read here."""
_DTYPES: Final = frozenset(np.dtype(scalar) for scalar in NUMPY_TYPES.values())
"""Types of outputs that are written here: their JSON holds no comma and no bracket but those between the values."""


class UsualRequests:
    """Reads the usual requests for one model.

    Args:
        plane: whose model it is.
    """

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._signature: Signature | None = None
        self._width: int | None = None
        self._limit: float | None = None
        self._plans: dict[str, _Plan] = {}
        self._default: _Plan | None = None

    def read(self, body: bytes) -> Query | None:
        """The query of a request in JSON; None for one that is not usual, or at fault."""
        if self._plane.runtime.signature is not self._signature:
            self._make_plans()
        if self._width is None or len(body) >= MIN_BYTES:
            return None
        try:
            return self._read(body)
        except (ValueError, TypeError, KeyError, OverflowError, MalformedRequest):
            return None

    def _read(self, body: bytes) -> Query | None:
        document = orjson.loads(body)
        [tensor] = document["inputs"]
        [count, width] = tensor["shape"]
        name, request_id = tensor["name"], document.get("id")
        if (
            "parameters" in document
            or "parameters" in tensor
            or type(count) is not int
            or type(width) is not int
            or width != self._width
            or type(name) is not str
            or not name
            or b"true" in body
            or b"false" in body
        ):
            return None
        outputs = document.get("outputs")
        plan = self._default if outputs is None else self._plan_of(outputs)
        values = self._values(tensor["datatype"], tensor["data"], count, width)
        if plan is None or values is None:
            return None
        identifier = v2.request_id(request_id)
        encoder = _Encoder(plan, identifier)
        return Query(plan.methods, Rows(values, count, self._signature), encoder.encode, usual=encoder)

    def _plan_of(self, outputs: Any) -> "_Plan | None":
        [output] = outputs
        return self._plans.get(output["name"]) if len(output) == 1 else None

    def _values(self, datatype: Any, data: Any, count: int, width: int) -> NDArray[np.float64] | None:
        """The numbers of the tensor; None where the general way shall look at them."""
        limit = self._limit
        if datatype == "FP64" and len(data) == count * width > 0:
            flat = quick_doubles(data)
            if flat is None:
                return None
            values = flat.reshape(count, width)
            if limit is None:
                return values  # numbers of JSON are finite, and there is no other value among them
        elif datatype in _DATATYPES and count > 0:
            values = parse_data(data, (count, width), datatype, "", booleans=False).astype(np.float64)
        else:
            return None
        largest = np.maximum.reduce(np.abs(values), axis=None)
        return values if largest <= (np.inf if limit is None else limit) else None  # NaN is not

    def _make_plans(self) -> None:
        """Make the plans of a model, which has its signature once it is warm."""
        runtime, identity = self._plane.runtime, self._plane.identity
        signature = self._signature = runtime.signature
        usual = signature.form is Form.MATRIX and signature.doubles and not signature.restricted
        self._width = signature.width if usual else None
        self._limit = signature.max_magnitude
        self._plans = {
            method: _Plan(method, self._width, identity.name, identity.version)
            for method in runtime.methods
            if [output.name for output in signature.outputs.get(method, ())] == [method]
        }
        self._default = self._plans.get(runtime.methods[0])


class _Plan:
    """How the usual requests for one method are answered.

    Attributes:
        methods: as a query has them.
        kind: of its queries, the same that `DataPlane.kind_of` gives any other query for such rows.
    """

    def __init__(self, method: str, width: int | None, model: str, version: str) -> None:
        self.model, self.version = model, version
        self.methods = {method: 0}
        self.kind: Any = ((method,), (np.dtype(np.float64), (width,)))
        self._method = method
        facts = {"model_name": model} | ({"model_version": version} if version else {})
        self._head = dumps(facts)[:-1] + b',"id":'
        self._name = b',"outputs":[{"name":' + dumps(method) + b',"shape":['

    def encode(self, request_id: str, outputs: CallOutputs, begin: int, end: int) -> Body | None:
        """The answer for the rows from `begin` to `end` of a call; None where the outputs are not usual."""
        texts = outputs.memo.get(self)
        if texts is None:
            texts = outputs.memo[self] = self._texts(outputs)
        if not texts.rows:
            return None
        rows = texts.rows[begin] if end - begin == 1 else b",".join(texts.rows[begin:end])
        count = b"%d" % (end - begin)
        return Body(b"".join((self._head, dumps(request_id), self._name, count, texts.middle, rows, b"]}]}")))

    def _texts(self, outputs: CallOutputs) -> "_Texts":
        """The outputs of a whole call as JSON, written at once."""
        arrays = outputs.whole[self._method]
        values = arrays.get(self._method)
        if len(arrays) != 1 or values is None or values.dtype not in _DTYPES or not 1 <= values.ndim <= 2:
            return _Texts(b"", [])
        shape = b"".join(b",%d" % size for size in values.shape[1:])
        middle = b'%b],"datatype":%b,"data":[' % (shape, dumps(datatype_of(values.dtype)))
        if values.ndim == 1 or values.shape[1] == 1:
            return _Texts(middle, dumps(np.ascontiguousarray(values).reshape(-1))[1:-1].split(b","))
        return _Texts(middle, dumps(np.ascontiguousarray(values))[2:-2].split(b"],[") if values.shape[1] else [])


class _Texts(NamedTuple):
    """The outputs of a call as JSON.

    Attributes:
        middle: what stands between the number of rows and the numbers.
        rows: the numbers of each row; none where the outputs are not usual.
    """

    middle: bytes
    rows: list[bytes]


class _Encoder:
    """Encodes the answer to one usual request.

    Attributes:
        kind: of its query.
    """

    __slots__ = ("_plan", "_request_id", "kind")

    def __init__(self, plan: _Plan, request_id: str) -> None:
        self._plan = plan
        self._request_id = request_id
        self.kind = plan.kind

    def encode(self, outputs: Arrays) -> Body:
        """The answer in the general way."""
        plan = self._plan
        answer = v2.encode_answer(
            model=plan.model, version=plan.version, request_id=self._request_id, outputs=outputs, classes={}
        )
        return Body(answer.content)

    def encode_part(self, outputs: CallOutputs, begin: int, end: int) -> Body | None:
        """The answer for the rows from `begin` to `end` of a call; None where the outputs are not usual."""
        return self._plan.encode(self._request_id, outputs, begin, end)
