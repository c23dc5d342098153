"""What MLServer's types and codecs make of our server's messages; runs in MLServer's own environment."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, RequestOutput

case = json.loads(Path(sys.argv[1]).read_text())


def infer(server: str, request: InferenceRequest) -> InferenceResponse:
    body = request.model_dump_json(exclude_none=True).encode()
    address = f"{case[server]['http']}/v2/models/{server}/infer"
    with urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=30) as answer:
        return InferenceResponse.model_validate_json(answer.read())


def main() -> None:
    rows = np.array(case["rows"])
    with urlopen(f"{case['wine']['http']}/v2/models/wine", timeout=30) as answer:
        assert MetadataModelResponse.model_validate_json(answer.read()).name == "wine"
    for request in (
        NumpyRequestCodec.encode_request(rows),
        InferenceRequest(inputs=[NumpyCodec.encode_input("x", rows)]),
    ):
        request.outputs = [RequestOutput(name="predict"), RequestOutput(name="predict_proba")]
        labels, scores = infer("wine", request).outputs
        assert NumpyCodec.decode_output(labels).reshape(-1).tolist() == case["predict"]
        assert np.array_equal(NumpyCodec.decode_output(scores), case["predict_proba"])
    frame = pd.DataFrame(case["columns"], dtype=object).astype({"age": float})
    response = infer("applicants", PandasCodec.encode_request(frame, use_bytes=False))
    assert StringCodec.decode_output(response.outputs[0]) == case["approved"]
    assert PandasCodec.decode_response(response)["predict"].tolist() == case["approved"]
    print("MLServer is content")


main()
