import shutil

import pytest

from tests.runs import kept_trainings
from tests.runs.small_runs import make_classifier_run, make_translator_run
from tests.tasks.small_models import exported


@pytest.fixture(scope="session", autouse=True)
def folder_of_trainings(tmp_path_factory):
    """Where the trainings are kept that many tests begin with."""
    kept_trainings.FOLDER = tmp_path_factory.mktemp("trainings")


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
def small_artifact(once):
    """An artifact of a tiny translator, in all formats. Not to be changed: copy it."""
    return exported(once, "translator")


@pytest.fixture(scope="session")
def small_classifier_artifact(once):
    """An artifact of a tiny classifier, in all formats. Not to be changed: copy it."""
    return exported(once, "classifier")


@pytest.fixture
def run(small_run, tmp_path):
    """A copy of the tiny translator's run, to be spoiled."""
    return shutil.copytree(small_run, tmp_path / "run")
