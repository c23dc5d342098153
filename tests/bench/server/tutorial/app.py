"""A model behind FastAPI as a tutorial writes it: one of the servers that `make bench-server` compares."""

import os

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(os.environ["MODEL_PATH"])


class Request(BaseModel):
    rows: list[list[float]]


class Answer(BaseModel):
    probabilities: list[list[float]]


@app.post("/predict")  # type: ignore[untyped-decorator]
def predict(request: Request) -> Answer:
    return Answer(probabilities=model.predict_proba(request.rows).tolist())
