"""What several commands' tests need."""

import pytest

from tests.loaded_once import loaded, loaded_run


@pytest.fixture
def loads_once(monkeypatch):
    """The commands of a process load a model once, whatever they ask it afterwards."""
    monkeypatch.setattr("keras_attention.tasks.load.load", loaded)
    monkeypatch.setattr("keras_attention.tasks.evaluate.load", loaded)
    monkeypatch.setattr("keras_attention.tasks.load.load_run", loaded_run)
