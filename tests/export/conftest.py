"""What several consumers' tests need."""

import shutil

import pytest

from tests.export.c_program import build
from tests.export.python_consumer import PythonConsumer
from tests.export.web_page import chromium, install, serve


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """The folder of the compiled programs of `export/c`."""
    if not (shutil.which("cc") and shutil.which("make")):
        pytest.skip("no C compiler")
    return build(tmp_path_factory.mktemp("c"))


@pytest.fixture(scope="session")
def program(programs):
    """`translate`."""
    return programs / "translate"


@pytest.fixture(scope="session")
def classify_program(programs):
    """`classify`."""
    return programs / "classify"


@pytest.fixture(scope="session", params=["onnxruntime", "litert"])
def consumer(request, tmp_path_factory):
    """Either folder of programs in Python."""
    return PythonConsumer(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def site(tmp_path_factory, artifact_directory):
    """The folder of `export/web` as a deployer has it: an artifact beside the page."""
    directory = install(tmp_path_factory.mktemp("web") / "site")
    (directory / "artifact").symlink_to(artifact_directory)
    return directory


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
        made.append(site / f"other-{len(made)}")
        made[-1].symlink_to(artifact)
        return made[-1].name

    yield link
    for path in made:
        path.unlink()
