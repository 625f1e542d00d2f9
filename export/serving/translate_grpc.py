"""Translates standard input line by line by TensorFlow Serving's gRPC interface.

    python translate_grpc.py [--host localhost:8500] [--model translator] < source.txt

Needs tensorflow-serving-api, which brings grpcio and TensorFlow's messages.
"""

import argparse
import sys

import grpc
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

BATCH = 32


def request_for(texts, model, seed=None):
    """The message that asks for the translations of a list of texts.

    With a seed it asks for samples, of the text at index i with the seed `seed + i`.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "serving_default"
    shape = tensor_shape_pb2.TensorShapeProto(
        dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=len(texts))]
    )
    request.inputs["text"].CopyFrom(
        tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            tensor_shape=shape,
            string_val=[text.encode() for text in texts],
        )
    )
    if seed is not None:
        request.inputs["seed"].CopyFrom(
            tensor_pb2.TensorProto(
                dtype=types_pb2.DT_INT32,
                tensor_shape=shape,
                int_val=range(seed, seed + len(texts)),
            )
        )
    return request


def translations(response, count):
    """The best translation of each of `count` texts: of (N,), or of (N, K) hypotheses."""
    values = response.outputs["text"].string_val
    return [value.decode() for value in values[:: max(1, len(values) // count)]]


def main():
    """One line in, one line out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="localhost:8500")
    parser.add_argument("--model", default="translator")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one request")
    parser.add_argument("--seed", type=int, help="of the first line, where the model samples")
    options = parser.parse_args()
    lines = sys.stdin.buffer.read().decode().split("\n")
    lines = lines if lines[-1] else lines[:-1]
    with grpc.insecure_channel(options.host) as channel:
        service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for start in range(0, len(lines), BATCH):
            part = lines[start : start + BATCH]
            seed = None if options.seed is None else options.seed + start
            try:
                response = service.Predict(request_for(part, options.model, seed), options.timeout)
            except grpc.RpcError as error:
                raise SystemExit(
                    f"{options.host}: {error.code().name}: {error.details()}"
                ) from None
            for text in translations(response, len(part)):
                sys.stdout.buffer.write((text + "\n").encode())


if __name__ == "__main__":
    main()
