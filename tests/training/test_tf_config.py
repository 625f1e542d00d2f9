"""Whatever TF_CONFIG says: the address of this worker, or one sentence."""

import json
import re
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention._validation import InputError
from keras_attention.cli.launch import worker_environments
from keras_attention.training import tf_config
from keras_attention.training.tf_config import hold_address, meet, require_tf_config
from keras_attention.training.worker_address import worker_address

JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


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
                ["a:" + "1" * 5000],
                ["a:1", 3],
                ["a b:1"],
                [" a:1"],
                ["a/b:1"],
                ["grpc://a:1"],
                ["a..b:1"],
                [".a:1"],
                ["-a:1"],
                ["\0:1"],
                ["a\0b:1"],
                ["a:1\0"],
                ["a\n:1"],
                ["é:1"],  # as "xn--9ca" it could be asked for
                ["\ud800:1"],
                ["a" * 64 + ":1"],
                [".".join(["abcdefg"] * 40) + ":1"],
                ["300.1.1.1:1"],
                ["1.2.3.4.5:1"],
                ["::1:1"],
                ["[::1:1"],
                ["[::x]:1"],
                ["[127.0.0.1]:1"],
            )
        ],
        *[
            ({"worker": ("a:1", other), "chief": ["c:3"]}, "an address of its own. Received")
            for other in ("a:1", "A:1", "a.:1", "A.:0001", "c:3", "C.:3")
        ],
        ({"chief": ["b:2"]}, "an address of its own"),
        ({"chief": ["c:3", "c:4"], "kind": "chief"}, "`cluster.chief` must be a list of one"),
        ({"ps": ["c:3"]}, "`cluster` must name no other jobs than chief and worker"),
        ({"\0": ["c:3"]}, "`cluster` must name no other jobs than chief and worker"),
    ],
)
def test_nonsense(options, said):
    with pytest.raises(InputError, match=said) as error:
        require_tf_config(config(**options))
    assert str(error.value).startswith("TF_CONFIG: ") and "\n" not in str(error.value)


LOCAL = ["localhost", "LocalHost", "localhost.", "127.0.0.1", "127.0.1.1", "127.1", "0.0.0.0"]
LOCAL += ["0x7f.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "a.localhost"]


@pytest.mark.parametrize("host", [*LOCAL, socket.gethostname()])
def test_one_address_in_two_spellings(host):
    with pytest.raises(InputError, match="every worker must have an address of its own") as error:
        require_tf_config(config(worker=("localhost:12345", f"{host}:12345")))
    assert f"{host}:12345" in str(error.value)
    with pytest.raises(InputError, match="every worker must have an address of its own"):
        require_tf_config(config(worker=(f"{host}:12345",), chief=["127.0.0.1:12345"]))
    other = f"{host}:12346"
    assert require_tf_config(config(worker=("localhost:12345", other), index=1))[0] == other


@pytest.mark.parametrize(
    "hosts",
    [("10.1", "10.0.0.1"), ("[fe80::1]", "[FE80:0::1]"), ("[::ffff:10.0.0.1]", "10.0.0.1")]
    + [("a.example", "A.Example.")],
)
def test_addresses_of_other_machines_in_two_spellings(hosts):
    with pytest.raises(InputError, match="every worker must have an address of its own"):
        require_tf_config(config(worker=tuple(f"{host}:12345" for host in hosts)))


@given(host=st.text(), port=st.text() | st.integers().map(str))
def test_any_text_is_an_address_or_none(host, port):
    text = f"{host}:{port}"
    found = worker_address(text)
    if found is not None:  # then it can be called: the name is one for every system
        assert re.fullmatch(r"[\[\]A-Za-z0-9._:%-]+", host)
        assert found[0].encode("idna")
        assert 0 < found[1] < 1 << 16
        assert worker_address(text.upper()) == found


@given(
    st.dictionaries(
        st.sampled_from(["worker", "chief", "ps", "\0"]),
        st.lists(st.sampled_from(["a:1", "b:2", "A:1", "localhost:3", 3, None])) | JSON,
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["worker", "chief"]) | JSON, "index": JSON}),
    st.dictionaries(st.sampled_from(["rpc_layer", "environment", "x"]), JSON),
)
def test_whatever_it_says_it_is_one_sentence(cluster, task, others):
    try:
        own, rest = require_tf_config(json.dumps({"cluster": cluster, "task": task, **others}))
    except InputError as error:
        assert "TF_CONFIG" in str(error) and "\n" not in str(error)
    else:
        assert own in cluster[task["type"]] and own not in rest


def test_another_protocol():
    text = json.dumps({**json.loads(config()), "rpc_layer": "http"})
    with pytest.raises(InputError, match="TF_CONFIG: `rpc_layer` must be 'grpc'. Received: 'http'"):
        require_tf_config(text)


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


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_workers_meet_by_either_version_of_ip(released):
    port = free_port()
    with hold_address(f"[::1]:{port}"):
        meet([f"{host}:{port}" for host in ("[::1]", "127.0.0.1", "LOCALHOST")])
        with pytest.raises(InputError, match="is in use"):
            hold_address(f"127.0.0.1:{port}")


def test_an_address_where_somebody_listens(released):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as gRPC does
        listener.bind(("", 0))
        listener.listen()
        with pytest.raises(InputError, match="is in use .Address already in use"):
            hold_address(f"localhost:{listener.getsockname()[1]}")
