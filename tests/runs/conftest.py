import shutil

import pytest

from tests.runs.small_artifacts import export_small
from tests.runs.small_runs import make_classifier_run, make_translator_run


@pytest.fixture(scope="session")
def small_run(once):
    """A run of a tiny translator. Not to be changed: copy it."""
    return once("small_run", lambda folder: make_translator_run(folder / "run")) / "run"


@pytest.fixture(scope="session")
def small_classifier_run(once):
    """A run of a tiny classifier. Not to be changed: copy it."""
    make = lambda folder: make_classifier_run(folder / "run")  # noqa: E731
    return once("small_classifier_run", make) / "run"


@pytest.fixture(scope="session")
def small_artifact(small_run, once):
    """Its artifact. Not to be changed: copy it."""
    make = lambda folder: export_small(small_run, folder / "artifact")  # noqa: E731
    return once("small_artifact", make) / "artifact"


@pytest.fixture(scope="session")
def small_classifier_artifact(small_classifier_run, once):
    """The artifact of the tiny classifier. Not to be changed: copy it."""
    make = lambda folder: export_small(small_classifier_run, folder / "artifact")  # noqa: E731
    return once("small_classifier_artifact", make) / "artifact"


@pytest.fixture
def run(small_run, tmp_path):
    """A copy of the tiny translator's run, to be spoiled."""
    return shutil.copytree(small_run, tmp_path / "run")
