"""What MLServer's types and codecs make of our server's messages; runs in MLServer's own environment."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, RequestOutput

told = json.loads(Path(sys.argv[1]).read_text())


def infer(server: str, request: InferenceRequest) -> InferenceResponse:
    body = request.model_dump_json(exclude_none=True).encode()
    address = f"{told[server]['http']}/v2/models/{server}/infer"
    with urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=30) as answer:
        return InferenceResponse.model_validate_json(answer.read())


def main() -> None:
    rows = np.array(told["rows"])
    with urlopen(f"{told['wine']['http']}/v2/models/wine", timeout=30) as answer:
        assert MetadataModelResponse.model_validate_json(answer.read()).name == "wine"
    for request in (
        NumpyRequestCodec.encode_request(rows),
        InferenceRequest(inputs=[NumpyCodec.encode_input("x", rows)]),
    ):
        request.outputs = [RequestOutput(name="predict"), RequestOutput(name="predict_proba")]
        labels, scores = infer("wine", request).outputs
        assert NumpyCodec.decode_output(labels).reshape(-1).tolist() == told["predict"]
        assert np.array_equal(NumpyCodec.decode_output(scores), told["predict_proba"])
    frame = pd.DataFrame(told["columns"], dtype=object).astype({"age": float})
    response = infer("applicants", PandasCodec.encode_request(frame, use_bytes=False))
    assert StringCodec.decode_output(response.outputs[0]) == told["approved"]
    assert PandasCodec.decode_response(response)["predict"].tolist() == told["approved"]
    print("MLServer is content")


main()
