"""The processes in which the suite runs, on a small suite of their own."""

import os
import re
import subprocess
import sys

CONFTEST = """
import os
import pytest
from tests.process_per_file import refuse_operations, run_in_child, tensorflow_has_threads

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    return run_in_child(item, nextitem) if "PYTEST_XDIST_WORKER" in os.environ else None

@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    before = tensorflow_has_threads()
    return refuse_operations(collector, (yield), before)
"""
# Tests that fail show what they print.
FILES = {
    "test_first.py": """
import os
seen = []
def test_a():
    seen.append(1)
    print(f"first {os.getpid()} of {os.getppid()}")
    assert 0
def test_b():
    print(f"first {os.getpid()} of {os.getppid()}")
    assert 0
def test_c():
    assert seen == [1]
""",
    "test_second.py": """
import os
import pytest
def test_a():
    print(f"second {os.getpid()} of {os.getppid()}")
    assert 0
def test_crash():
    os._exit(7)
def test_after():
    print(f"after {os.getpid()} of {os.getppid()}")
    assert 0
@pytest.mark.timeout(1)
def test_hang():
    while True:
        pass
@pytest.fixture
def left():
    yield
    raise ValueError("torn down")
def test_teardown(left):
    pass
@pytest.mark.filterwarnings("error:mine")
def test_warning():
    import warnings
    with pytest.raises(UserWarning):
        warnings.warn("mine")
@pytest.mark.skip(reason="not now")
def test_skipped():
    pass
""",
}


def run_suite(folder, files):
    """What pytest prints of a suite of these files, run by one worker."""
    for name, text in {"conftest.py": CONFTEST, **files}.items():
        (folder / name).write_text(text)
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "--dist", "loadfile", "-rA", folder],
        cwd=folder,
        env={**environment, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout


def test_a_module_that_runs_an_operation_is_named(tmp_path):
    files = {
        "test_operation.py": "import tensorflow as tf\nONE = tf.ones(1)\ndef test_a(): pass\n",
        "test_other.py": "def test_b(): pass\n",
    }
    found = run_suite(tmp_path, files)
    assert "ERROR test_operation.py - test_operation.py runs an operation of TensorFlow" in found
    assert "test_other.py runs" not in found


def test_each_file_has_a_process_and_a_crash_costs_one_test(tmp_path):
    found = run_suite(tmp_path, FILES)
    assert re.search(r"= 6 failed, 3 passed, 1 skipped, 1 error in ", found), found
    said = set(re.findall(r"^(first|second|after) (\d+) of (\d+)$", found, re.MULTILINE))
    assert sorted(name for name, _, _ in said) == ["after", "first", "second"]
    assert len({child for _, child, _ in said}) == 3  # a crash ends a process, and a file does
    assert len({parent for _, _, parent in said}) == 1
    assert "The process of test_second.py ended with exit status 7." in found
    assert "Timeout (>1.0s) from pytest-timeout." in found
    assert "torn down" in found
    assert "not now" in found
