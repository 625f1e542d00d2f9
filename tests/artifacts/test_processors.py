"""How many processors this process may use."""

import os

import pytest

from keras_attention.artifacts import processors as module
from keras_attention.artifacts.processors import processors


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("6400000 100000", 8),
        ("0 0", 8),
        ("nonsense", 8),
        (None, 8),
    ],
)
def test_the_limit_of_a_container(monkeypatch, tmp_path, limit, expected):
    if limit is not None:
        (tmp_path / "cpu.max").write_text(f"{limit}\n")
    monkeypatch.setattr(module, "CPU_MAX", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    assert processors() == expected


def test_what_taskset_leaves(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "CPU_MAX", tmp_path / "none")
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert processors() == len(allowed)
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert processors() == os.cpu_count()
