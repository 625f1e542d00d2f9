"""`export/serving`: both clients against servers that speak TensorFlow Serving's interfaces.

Behind them the C++ loader that TensorFlow Serving has runs the SavedModel: `export/c`.
"""

import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
import yaml
from google.protobuf import text_format
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

from keras_attention import load
from tests.export.c_program import EXPORT, OP_LIBRARY, run
from tests.export.environment import make_environment
from tests.export.test_python_consumers import TEXTS

SERVING = EXPORT / "serving"
pytestmark = pytest.mark.filterwarnings("ignore::keras_attention.runtimes.TruncationWarning")


@pytest.fixture(scope="module")
def predict(program, artifact_directory):
    """A function of the strings of a request: their translations by the C++ loader."""

    def translate(texts):
        lines = "".join(f"{text}\n" for text in texts).encode()
        status, out, error = run(program, artifact_directory, OP_LIBRARY, stdin=lines)
        assert status == 0, error
        return out.split("\n")[:-1]

    return translate


@pytest.fixture(scope="module")
def rest(predict):
    """The address of a server of `POST /v1/models/translator:predict`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/v1/models/translator:predict":
                assert body["signature_name"] == "serving_default"
                instances = body["instances"]
                if isinstance(instances[0], dict):  # of a model that samples: what was asked for
                    texts = [f"{row['text']} {row['seed']}" for row in instances]
                else:
                    texts = predict(instances)
                status, answer = 200, {"predictions": [{"text": t, "score": 0.0} for t in texts]}
            else:
                status, answer = 404, {"error": "Servable not found for request"}
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
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def rpc(predict):
    """The address of a PredictionService."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            if request.model_spec.name != "translator":
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
            assert request.model_spec.signature_name == "serving_default"
            tensor = request.inputs["text"]
            assert tensor.dtype == types_pb2.DT_STRING
            assert [dim.size for dim in tensor.tensor_shape.dim] == [len(tensor.string_val)]
            response = predict_pb2.PredictResponse()
            found = [value.decode() for value in tensor.string_val]
            if "seed" in request.inputs:  # of a model that samples: what was asked for
                seeds = request.inputs["seed"]
                assert seeds.dtype == types_pb2.DT_INT32
                assert seeds.tensor_shape == tensor.tensor_shape
                pairs = zip(found, seeds.int_val, strict=True)
                found = [f"{text} {seed}" for text, seed in pairs]
            else:
                found = predict(found)
            response.outputs["text"].dtype = types_pb2.DT_STRING
            response.outputs["text"].tensor_shape.dim.add(size=len(found))
            response.outputs["text"].string_val.extend(text.encode() for text in found)
            return response

    server = grpc.server(ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Of each client its script, the option for its server, and a Python that can run it."""
    environment = make_environment(tmp_path_factory.mktemp("grpc"), SERVING / "requirements.txt")
    return {
        "rest": [sys.executable, "-I", "-S", SERVING / "translate_rest.py", "--url"],
        "rpc": [environment, SERVING / "translate_grpc.py", "--host"],
    }


def translated(command, address, texts, *arguments):
    found = subprocess.run(
        [*command, address, *arguments],
        input="".join(f"{text}\n" for text in texts).encode(),
        capture_output=True,
        timeout=300,
    )
    return found.returncode, found.stdout.decode().split("\n")[:-1], found.stderr.decode()


@pytest.mark.parametrize("kind", ["rest", "rpc"])
def test_it_gives_keras_translations(kind, clients, request, run_directory):
    address = request.getfixturevalue(kind)
    texts = TEXTS + TEXTS[:20]  # more than one request
    expected = load(run_directory).translate(texts)
    status, found, error = translated(clients[kind], address, texts)
    assert status == 0, error
    assert found == expected
    assert len(set(expected)) > 5


@pytest.mark.parametrize("kind", ["rest", "rpc"])
def test_it_sends_each_line_its_seed(kind, clients, request):
    address = request.getfixturevalue(kind)
    texts = [f"text {i}" for i in range(40)]  # more than one request
    status, found, error = translated(clients[kind], address, texts, "--seed", "7")
    assert status == 0, error
    assert found == [f"{text} {7 + i}" for i, text in enumerate(texts)]


@pytest.mark.parametrize("kind", ["rest", "rpc"])
def test_errors_are_sentences(kind, clients, request):
    address = request.getfixturevalue(kind)
    status, found, error = translated(clients[kind], address, TEXTS[:1], "--model", "other")
    assert (status, found) == (1, [])
    assert "Servable not found" in error
    assert "Traceback" not in error
    nowhere = {"rest": "http://127.0.0.1:9", "rpc": "127.0.0.1:9"}[kind]
    status, found, error = translated(clients[kind], nowhere, TEXTS[:1])
    assert (status, found) == (1, [])
    assert nowhere in error
    assert "Traceback" not in error


def test_the_configuration_is_what_the_server_reads(artifact_directory):
    config = text_format.Parse(
        (SERVING / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    (model,) = config.model_config_list.config
    service = yaml.safe_load((SERVING / "compose.yaml").read_text())["services"]["translator"]
    mounts = dict(mount.rsplit(":", 2)[:2] for mount in service["volumes"])
    assert mounts["${ARTIFACT:?the path of an artifact}/saved_model"] == model.base_path
    for option in service["command"]:
        name, value = option.split("=")
        if name.endswith("_file"):
            (source,) = [source for source, target in mounts.items() if target == value]
            assert (SERVING / source).is_file()
    assert (artifact_directory / "saved_model" / "1" / "saved_model.pb").is_file()
    # BatchingParameters is in no package: its fields, of the server's session_bundle_config.proto.
    lines = (SERVING / "batching.config").read_text().splitlines()
    settings = [line for line in lines if not line.startswith("#")]
    fields = "max_batch_size|batch_timeout_micros|max_enqueued_batches|num_batch_threads"
    assert all(re.fullmatch(rf"({fields}) {{ value: \d+ }}", line) for line in settings)
    assert len(settings) == 4
