"""A request of TensorFlow Serving's gRPC interface."""

import grpc
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def add_options(parser, model):
    """The options of both clients; `model` is the default of the server's model."""
    parser.add_argument("--host", default="localhost:8500")
    parser.add_argument("--model", default=model)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one request")


def strings(texts):
    """A tensor (N,) of strings."""
    return _vector(types_pb2.DT_STRING, texts, string_val=[text.encode() for text in texts])


def integers(values):
    """A tensor (N,) of int32."""
    return _vector(types_pb2.DT_INT32, values, int_val=values)


def _vector(dtype, values, **field):
    dim = tensor_shape_pb2.TensorShapeProto.Dim(size=len(values))
    shape = tensor_shape_pb2.TensorShapeProto(dim=[dim])
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=shape, **field)


class Server:
    """A connection, to be used in a `with` statement."""

    def __init__(self, options):
        self.options = options
        self.channel = grpc.insecure_channel(options.host)
        self.service = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.channel.close()

    def predict(self, **inputs):
        """The output tensors by their names; ends the program where there are none."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.options.model
        request.model_spec.signature_name = "serving_default"
        for name, tensor in inputs.items():
            request.inputs[name].CopyFrom(tensor)
        try:
            return self.service.Predict(request, self.options.timeout).outputs
        except grpc.RpcError as error:
            raise SystemExit(
                f"{self.options.host}: {error.code().name}: {error.details()}"
            ) from None
