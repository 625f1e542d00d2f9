"""A process of its own for the tests of one file: what they leave in memory ends with it.

A process that runs every second file of the suite grows to 11 GB: compiled functions, interpreters
and the memory that TensorFlow keeps. So a worker of pytest-xdist collects all tests, which imports
what they import, and runs none. It forks a child for each file in turn, names it one test after the
other, and reports what the child answers. A child that crashes, or hangs, costs one test.

The worker has run no operation when it forks, so that TensorFlow has no threads in it yet:
`refuse_operations` turns a module of tests that runs one when it is imported into an error of that
module. Without pytest-xdist, where somebody may want a debugger, nothing is forked.
"""

import os
import pickle
import signal
import struct
import sys

import pytest
from _pytest.runner import runtestprotocol
from _pytest.warnings import catch_warnings_for_item

KEY = pytest.StashKey()
LENGTH = struct.Struct("<q")


def unit_of(item):
    """The file whose tests share a process with this one."""
    return None if item is None else item.nodeid.split("::")[0]


class Child:
    """The process of one unit: runs the tests that it is named, by their place in the session."""

    def __init__(self, session, unit):
        self.unit = unit
        to_read, self.requests = os.pipe()
        self.answers, to_write = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            status = 1
            try:
                os.close(self.requests)
                os.close(self.answers)
                _serve(session, to_read, to_write)
                status = 0
            finally:
                os._exit(status)
        os.close(to_read)
        os.close(to_write)

    def run(self, place, next_place):
        """The reports of a test, serialised; None if the process ended instead."""
        try:
            _send(self.requests, (place, next_place))
            return _receive(self.answers)
        except (BrokenPipeError, EOFError):
            return None

    def end(self):
        """Waits for its end; the exit status, negative for a signal."""
        os.close(self.requests)
        os.close(self.answers)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def _serve(session, requests, answers):
    hook = session.config.hook
    while True:
        try:
            place, next_place = _receive(requests)
        except EOFError:
            return
        following = None if next_place is None else session.items[next_place]
        item = session.items[place]
        # Pytest's own hook for warnings runs in the worker, where the test does not.
        with catch_warnings_for_item(session.config, item.ihook, when="runtest", item=item):
            reports = runtestprotocol(item, log=False, nextitem=following)
        serialised = [
            hook.pytest_report_to_serializable(config=session.config, report=report)
            for report in reports
        ]
        _send(answers, serialised)


def _send(pipe, value):
    data = pickle.dumps(value)
    data = LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(pipe, data) :]


def _receive(pipe):
    def read(count):
        parts = []
        while count:
            part = os.read(pipe, count)
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    (length,) = LENGTH.unpack(read(LENGTH.size))
    return pickle.loads(read(length))


def _failed(item, sentence):
    """A report of a test that gave none."""
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", sentence, "call")


def tensorflow_has_threads():
    """Whether an operation has run in this process."""
    if "tensorflow" not in sys.modules:
        return False
    from tensorflow.python.eager import context

    return context.context()._context_handle is not None


def refuse_operations(collector, report, before):
    """Makes `report` an error if collecting has run an operation: `before`, none had run."""
    if not before and tensorflow_has_threads():
        report.outcome = "failed"
        report.longrepr = (
            f"{collector.nodeid} runs an operation of TensorFlow when it is imported, which starts "
            "threads before the workers fork. Move it into a test or a fixture."
        )
        report.result = []
    return report


def run_in_child(item, nextitem):
    """`pytest_runtest_protocol` of a worker: the test runs in the process of its unit."""
    session, hook = item.session, item.ihook
    if KEY not in session.stash:
        places = {each.nodeid: place for place, each in enumerate(session.items)}
        session.stash[KEY] = {"child": None, "places": places}
    state = session.stash[KEY]
    unit, places = unit_of(item), state["places"]
    if state["child"] is None:
        state["child"] = Child(session, unit)
    child = state["child"]
    is_last = unit_of(nextitem) != unit
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    sentence, serialised = None, None
    try:
        following = None if is_last else places[nextitem.nodeid]
        serialised = child.run(places[item.nodeid], following)
    except pytest.fail.Exception as timeout:  # by the alarm of pytest-timeout
        sentence = f"{timeout}"
        os.kill(child.process, signal.SIGKILL)
    if is_last or serialised is None:
        status = child.end()
        state["child"] = None
        sentence = sentence or f"The process of {unit} ended with exit status {status}."
    if serialised is None:
        reports = [_failed(item, sentence)]
    else:
        load = item.config.hook.pytest_report_from_serializable
        reports = [load(config=item.config, data=data) for data in serialised]
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
