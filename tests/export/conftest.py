"""What several consumers' tests need."""

import shutil

import pytest

from tests.export.c_program import build


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The compiled program of `export/c`."""
    if not (shutil.which("cc") and shutil.which("make")):
        pytest.skip("no C compiler")
    return build(tmp_path_factory.mktemp("c"))
