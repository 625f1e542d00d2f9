"""Whatever TF_CONFIG says: the address of this worker, or one sentence."""

import json
import socket
import threading

import pytest

from keras_attention._validation import InputError
from keras_attention.cli.launch import worker_environments
from keras_attention.training import tf_config
from keras_attention.training.tf_config import hold_address, meet, require_tf_config


def config(worker=("a:1", "b:2"), kind="worker", index=0, **jobs):
    cluster = {"worker": list(worker) if isinstance(worker, tuple) else worker, **jobs}
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def test_the_address_of_each_worker():
    assert require_tf_config(config(index=0)) == ("a:1", ["b:2"])
    assert require_tf_config(config(index=1)) == ("b:2", ["a:1"])
    assert require_tf_config(config(chief=["c:3"], kind="chief")) == ("c:3", ["a:1", "b:2"])
    found = [require_tf_config(each["TF_CONFIG"])[0] for each in worker_environments(3)]
    assert len(set(found)) == 3 and all(address.startswith("localhost:") for address in found)


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "3", "null", '"x"', "[" * 100_000, "{}", '{"cluster": {}, "task": {}}']
    + ['{"cluster": "worker", "task": "type"}', '{"cluster": {"worker": []}, "task": {"type": 1}}'],
)
def test_no_cluster(text):
    with pytest.raises(InputError, match="need the environment variable TF_CONFIG") as error:
        require_tf_config(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 1500


@pytest.mark.parametrize(
    ("options", "said"),
    [
        *[({"index": index}, "`task.index` must be") for index in (2, -1, None, "0", True, 0.0)],
        *[({"kind": kind}, "`task.type` must be one of worker") for kind in ("ps", 3, None, [])],
        *[
            ({"worker": worker}, "`cluster.worker` must be a list of addresses")
            for worker in (
                "ab",
                {"a:1": 2},
                ["a"],
                ["a:"],
                [":1"],
                ["a:x"],
                ["a:70000"],
                ["a:0"],
                [3],
            )
        ],
        ({"worker": ("a:1", "a:1")}, "an address of its own. Received: \\['a:1'\\]"),
        ({"chief": ["b:2"]}, "an address of its own"),
    ],
)
def test_nonsense(options, said):
    with pytest.raises(InputError, match=said) as error:
        require_tf_config(config(**options))
    assert str(error.value).startswith("TF_CONFIG: ") and "\n" not in str(error.value)


def free_port():
    with socket.socket() as listener:
        listener.bind(("", 0))
        return listener.getsockname()[1]


@pytest.fixture
def released():
    yield
    while tf_config._held:
        tf_config._held.pop().close()


def test_an_address_belongs_to_one_worker(released):
    address = f"localhost:{free_port()}"
    hold_address(address).close()  # the port is free again, and the worker still there
    with pytest.raises(InputError, match=f"The address of this worker, {address}, is in use"):
        hold_address(address)


def test_workers_wait_for_each_other(released):
    """In Python, so that a signal ends it: here an exception of another thread's making."""
    address = f"localhost:{free_port()}"
    begun = threading.Event()

    def listen():
        begun.wait(20)
        with hold_address(address):
            met.wait(20)

    met = threading.Event()
    thread = threading.Thread(target=listen)
    thread.start()
    threading.Timer(0.5, begun.set).start()
    with pytest.warns(UserWarning, match=f"Waiting for the workers at {address}."):
        meet([address], patience=0.1)
    met.set()
    thread.join()
    meet([])


def test_an_address_where_somebody_listens(released):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as gRPC does
        listener.bind(("", 0))
        listener.listen()
        with pytest.raises(InputError, match="is in use .Address already in use"):
            hold_address(f"localhost:{listener.getsockname()[1]}")
