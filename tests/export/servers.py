"""Small servers that speak TensorFlow Serving's two interfaces.

Both take `models`, a dict of functions by their models' names: of the inputs of a request, a dict
of lists, to its outputs, a dict of lists of strings or of float32 arrays.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

NOT_FOUND = "Servable not found for request"


def _columns(instances):
    """The inputs by their names: instances are strings where there is one input."""
    rows = [row if isinstance(row, dict) else {"text": row} for row in instances]
    return {name: [row[name] for row in rows] for name in rows[0]}


@contextmanager
def rest_server(models):
    """The address of a server of `POST /v1/models/NAME:predict`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = self.path.removeprefix("/v1/models/").removesuffix(":predict")
            if name in models:
                assert body["signature_name"] == "serving_default"
                outputs = models[name](_columns(body["instances"]))
                columns = [np.asarray(values).tolist() for values in outputs.values()]
                rows = zip(*columns, strict=True)
                predictions = [dict(zip(outputs, row, strict=True)) for row in rows]
                if len(outputs) == 1:  # whose name TensorFlow Serving leaves out
                    (predictions,) = columns
                status, answer = 200, {"predictions": predictions}
            else:
                status, answer = 404, {"error": NOT_FOUND}
            answer = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _values(tensor):
    """The values of a vector of strings or integers."""
    strings = tensor.dtype == types_pb2.DT_STRING
    assert strings or tensor.dtype == types_pb2.DT_INT32
    values = [v.decode() for v in tensor.string_val] if strings else list(tensor.int_val)
    assert [dim.size for dim in tensor.tensor_shape.dim] == [len(values)]
    return values


def _fill(tensor, values):
    """Writes strings or float32 numbers as the server does."""
    values = np.asarray(values)
    for size in values.shape:
        tensor.tensor_shape.dim.add(size=size)
    if values.dtype.kind == "U":
        tensor.dtype = types_pb2.DT_STRING
        tensor.string_val.extend(value.encode() for value in values.ravel().tolist())
    else:
        tensor.dtype = types_pb2.DT_FLOAT
        tensor.float_val.extend(values.ravel().tolist())


@contextmanager
def rpc_server(models):
    """The address of a PredictionService."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            name = request.model_spec.name
            if name not in models:
                context.abort(grpc.StatusCode.NOT_FOUND, NOT_FOUND)
            assert request.model_spec.signature_name == "serving_default"
            inputs = {key: _values(tensor) for key, tensor in request.inputs.items()}
            assert len({len(values) for values in inputs.values()}) == 1
            response = predict_pb2.PredictResponse()
            for key, values in models[name](inputs).items():
                _fill(response.outputs[key], values)
            return response

    server = grpc.server(ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
