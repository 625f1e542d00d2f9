"""The environment variable TF_CONFIG: the addresses of all workers, and which of them this is."""

import collections
import json
import socket
import time
import warnings

from keras_attention._validation import InputError, one_line
from keras_attention.training.worker_address import worker_address

JOBS = ("chief", "worker")
PATIENCE = 10.0  # seconds
_held = []  # sockets that mark the addresses of this process


def require_tf_config(text):
    """The address of this worker and those of the others, from the value of TF_CONFIG.

    TensorFlow would wait for ever, or abort, where something in it is wrong.

    Args:
        text: the value; None where there is none.

    Raises:
        InputError: if it lists no workers, does not say which of them this is, lists one address
            twice, in whatever spelling, or names a job or a protocol that training by several
            workers does not have.

    >>> cluster = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}'
    >>> require_tf_config(cluster)
    ('b:1', ['a:1'])
    """
    try:
        config = json.loads(text or "")
        cluster, task = config["cluster"], config["task"]
        jobs = {job: cluster[job] for job in JOBS if job in cluster}
        if not all(jobs.values()) or "worker" not in jobs:
            raise ValueError
        kind = task["type"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "Several workers (`distribute` multi-worker) need the environment variable TF_CONFIG, "
            "which lists the workers and says which of them this is; on one machine "
            "`keras-attention launch` sets it. Received: "
            f"TF_CONFIG={one_line(repr(text), 1000)}"
        ) from error
    addresses, found = [], []
    for job, listed in jobs.items():
        if not isinstance(listed, list) or not all(map(worker_address, listed)):
            raise _fault(f"`cluster.{job}` must be a list of addresses HOST:PORT", listed)
        addresses += listed
        found += map(worker_address, listed)
    if len(jobs.get("chief", ())) > 1:
        raise _fault("`cluster.chief` must be a list of one address", jobs["chief"])
    others = [job for job in cluster if job not in JOBS and cluster[job]]
    if others:
        raise _fault(f"`cluster` must name no other jobs than {' and '.join(JOBS)}", others)
    count = collections.Counter(found)
    twice = [text for text, one in zip(addresses, found, strict=True) if count[one] > 1]
    if twice:
        raise _fault("every worker must have an address of its own", twice)
    if config.get("rpc_layer") not in (None, "grpc"):
        raise _fault("`rpc_layer` must be 'grpc'", config["rpc_layer"])
    if not isinstance(kind, str) or kind not in jobs:
        raise _fault(f"`task.type` must be one of {', '.join(jobs)}", kind)
    index = task.get("index")
    if type(index) is not int or not 0 <= index < len(jobs[kind]):
        raise _fault(f"`task.index` must be an integer from 0 to {len(jobs[kind]) - 1}", index)
    own = jobs[kind][index]
    return own, [address for address in addresses if address != own]


def _fault(expected, received):
    return InputError(f"TF_CONFIG: {expected}. Received: {one_line(repr(received), 300)}")


def hold_address(address):
    """Marks the address of this worker as taken, as long as the process lives.

    gRPC lets two processes listen at one address. Both would then wait for answers that the other
    one gets.

    Returns:
        A socket that listens there, for `meet`; it is to be closed before TensorFlow listens.

    Raises:
        InputError: if another process of this machine has it.
    """
    port = int(address.rpartition(":")[2])
    listener = None
    try:
        listener = _listener(port)
        _mark(port)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise _taken(address, error) from error
    return listener


def _listener(port):
    """A socket that listens at a port, by whichever version of IP the others call."""
    if socket.has_dualstack_ipv6():
        both = dict(family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port), backlog=128, **both)
    return socket.create_server(("", port), backlog=128)


def _mark(port):
    """Takes a name of which there is one on a machine, for it stays when the port is free again."""
    if not hasattr(socket, "AF_UNIX"):
        return
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0keras-attention worker at {port}")
    except FileNotFoundError:  # such names without a file are of Linux alone
        mark.close()
    except OSError:
        mark.close()
        raise
    else:
        _held.append(mark)


def meet(others, patience=PATIENCE):
    """Waits until somebody listens at the address of every other worker.

    TensorFlow would wait for them in native code, where no signal ends it.

    Args:
        others: list of addresses.
        patience: seconds after which a warning says who is waited for.
    """
    missing, began, is_told = list(others), time.monotonic(), False
    while missing := [address for address in missing if not _answers(address)]:
        if not is_told and time.monotonic() - began >= patience:
            is_told = True
            warnings.warn(f"Waiting for the workers at {', '.join(missing)}.", stacklevel=3)
        time.sleep(0.2)


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def _taken(address, error):
    return InputError(
        f"The address of this worker, {address}, is in use ({error.strerror}): every worker needs "
        "one of its own. See TF_CONFIG, and end what listens there."
    )
