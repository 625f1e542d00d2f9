"""The environment of the benchmarks, however one is started."""

from pathlib import Path

import pytest

from tests.import_order import is_set_here, variables_at_import

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
pytestmark = pytest.mark.skipif(not is_set_here, reason="nothing is set on this machine")
# The first measures without, and the second counts what the command line does, which sets them.
EXCEPTIONS = ("environment", "files_per_command")
PROGRAMS = [
    path
    for path in sorted(BENCHMARKS.glob("*.py"))
    if "__main__" in path.read_text(encoding="utf-8") and path.stem not in EXCEPTIONS
]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_they_are_set_before_keras_and_tensorflow_and_for_other_processes(path):
    assert variables_at_import(path, "--help")[:2] == ["1", "1"]


def test_the_one_that_measures_without_begins_without():
    assert variables_at_import(BENCHMARKS / "environment.py", "--work") == [None] * 3
