"""A request of TensorFlow Serving's REST interface, with Python's standard library only."""

import json
import urllib.error
import urllib.request


def add_options(parser, model):
    """The options of both clients; `model` is the default of the server's model."""
    parser.add_argument("--url", default="http://localhost:8501")
    parser.add_argument("--model", default=model)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one request")


def predict(instances, options):
    """The predictions for a list of instances; ends the program where there are none."""
    url = options.url
    request = urllib.request.Request(
        f"{url}/v1/models/{options.model}:predict",
        json.dumps({"signature_name": "serving_default", "instances": instances}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=options.timeout) as response:
            return json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        body = error.read().decode(errors="replace")
        try:
            body = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError):
            pass
        raise SystemExit(f"{url} answers with status {error.code}: {body.strip()}") from None
    except OSError as error:  # URLError is one, and so is a time-out
        raise SystemExit(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from None
