"""Folders that several test processes share: pytest-xdist gives each a session of its own."""

import os
import shutil

from filelock import FileLock


def made_once(tmp_path_factory, name, make):
    """The folder `name` of this run of the tests, filled by `make(folder)` in one process only.

    The others wait for it, and find it as it was left: nobody may change it.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what another process failed to fill
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
