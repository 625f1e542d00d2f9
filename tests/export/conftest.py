"""What several consumers' tests need."""

import os
import shutil

import pytest

from tests.export.c_program import build
from tests.export.python_consumer import PythonConsumer, make_consumer
from tests.export.web_page import chromium, install, serve


@pytest.fixture(scope="session")
def programs(once):
    """The folder of the compiled programs of `export/c`."""
    if not (shutil.which("cc") and shutil.which("make")):
        pytest.skip("no C compiler")
    return once("programs_in_c", build) / "c"


@pytest.fixture(scope="session")
def program(programs):
    """`translate`."""
    return programs / "translate"


@pytest.fixture(scope="session")
def classify_program(programs):
    """`classify`."""
    return programs / "classify"


@pytest.fixture(scope="session", params=["onnxruntime", "litert"])
def consumer(request, once):
    """Either folder of programs in Python."""
    directory = once(request.param, lambda folder: make_consumer(request.param, folder))
    return PythonConsumer(request.param, directory)


@pytest.fixture(scope="session")
def site(once, artifact_directory):
    """The folder of `export/web` as a deployer has it: an artifact beside the page.

    Several processes share it: a test may add a file that no other test names.
    """

    def make(folder):
        (install(folder / "site") / "artifact").symlink_to(artifact_directory)

    return once("web", make) / "site"


@pytest.fixture(scope="module")
def browser():
    """Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(browser, site):
    """Of a static server of `site`."""
    with serve(site) as address:
        yield address


@pytest.fixture
def beside(site):
    """A function that puts another artifact beside the page and gives its name there."""
    made = []

    def link(artifact):
        made.append(site / f"other-{os.getpid()}-{len(made)}")
        made[-1].symlink_to(artifact)
        return made[-1].name

    yield link
    for path in made:
        path.unlink()
