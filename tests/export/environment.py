"""An environment that holds what a requirements.txt names and nothing else."""

import importlib.metadata
import re
import subprocess
import sys
import venv
from pathlib import Path

from packaging.requirements import Requirement


def distributions(requirements):
    """The installed distributions that a list of requirements needs, and those that they need."""
    found, waiting = {}, [Requirement(line) for line in requirements]
    while waiting:
        requirement = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(name)
        assert requirement.specifier.contains(found[name].version), (name, found[name].version)
        waiting += [Requirement(line) for line in found[name].requires or []]
    return found.values()


def make_environment(directory, requirements):
    """A virtual environment with links to the files of what `requirements` (a path) names.

    Returns:
        The path of its interpreter.
    """
    venv.create(directory, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = Path(directory) / "lib" / version / "site-packages"
    for distribution in distributions(Path(requirements).read_text().split("\n")[:-1]):
        for path in {file.parts[0] for file in distribution.files if file.parts[0] != ".."}:
            link = packages / path
            if not link.exists():
                link.symlink_to(Path(distribution.locate_file(path)).resolve())
    python = Path(directory) / "bin" / "python"
    missing = subprocess.run(
        [python, "-c", "import keras_attention"], cwd=directory, capture_output=True, text=True
    )
    assert "No module named 'keras_attention'" in missing.stderr
    return python
