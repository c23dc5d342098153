"""What kserve's clients make of our server, over REST (V1 and V2) and gRPC; runs in its own environment."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferOutput, InferRequest, RESTConfig

case = json.loads(Path(sys.argv[1]).read_text())
ROWS = np.array(case["rows"])


def question(*, binary: bool) -> InferRequest:
    tensor = InferInput("input", list(ROWS.shape), "FP64")
    tensor.set_data_from_numpy(ROWS, binary_data=binary)
    return InferRequest("wine", [tensor], request_id="7")


def applicants(*, binary: bool) -> InferRequest:
    columns = []
    for name, values in case["columns"].items():
        column = InferInput(name, [len(values)], "FP64" if name == "age" else "BYTES")
        array = np.array(values, dtype=np.float64 if name == "age" else np.object_)
        column.set_data_from_numpy(array, binary_data=binary)
        columns.append(column)
    return InferRequest("applicants", columns)


def plain(output: InferOutput) -> list[Any]:
    return [value.decode() if isinstance(value, bytes) else value for value in output.as_numpy().tolist()]


async def over_rest() -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        base = case["wine"]["http"]
        assert await client.is_server_live(base)
        assert await client.is_server_ready(base)
        assert await client.is_model_ready(base, model_name="wine")
        for binary in (True, False):
            answer = await client.infer(base, question(binary=binary), model_name="wine")
            assert plain(answer.outputs[0]) == case["predict"]
            answer = await client.infer(case["applicants"]["http"], applicants(binary=binary), model_name="applicants")
            assert plain(answer.outputs[0]) == case["approved"]
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        answer = await client.infer(base, {"instances": case["rows"]}, model_name="wine")
        assert answer == {"predictions": case["predict"]}


async def over_grpc() -> None:
    async with InferenceGRPCClient(case["wine"]["grpc"]) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("wine")
        for binary in (True, False):
            answer = await client.infer(question(binary=binary))
            assert (answer.id, plain(answer.outputs[0])) == ("7", case["predict"])
    async with InferenceGRPCClient(case["applicants"]["grpc"]) as client:
        for binary in (True, False):
            assert plain((await client.infer(applicants(binary=binary))).outputs[0]) == case["approved"]


async def main() -> None:
    await over_rest()
    await over_grpc()
    print("kserve is content")


asyncio.run(main())
