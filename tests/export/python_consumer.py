"""A folder of `export/` whose programs need Python and its requirements.txt alone."""

import subprocess

from tests.export.c_program import EXPORT
from tests.export.environment import make_environment


def make_consumer(name, directory):
    """Makes the environment of a folder of programs, and makes sure what it has not."""
    python = make_environment(directory, EXPORT / name / "requirements.txt")
    for package in ("tensorflow", "keras"):
        run = subprocess.run([python, "-c", f"import {package}"], capture_output=True)
        assert run.returncode, f"{package} is there"


class PythonConsumer:
    """The programs of a folder, in an environment without anything else.

    Args:
        name: of the folder.
        directory: with the environment that `make_consumer` made.
    """

    def __init__(self, name, directory):
        self.name, self.directory = name, directory
        self.python = directory / "bin" / "python"

    def run(self, script, artifact, lines, *options):
        """Status, lines of standard output, standard error."""
        run = subprocess.run(
            [self.python, EXPORT / self.name / script, artifact, *options],
            input=b"".join(
                (line.encode() if isinstance(line, str) else line) + b"\n" for line in lines
            ),
            capture_output=True,
            cwd=self.directory,
            timeout=300,
        )
        return run.returncode, run.stdout.decode().split("\n")[:-1], run.stderr.decode()

    def __call__(self, script, artifact, lines, *options):
        """The lines that it writes for lines."""
        status, found, error = self.run(script, artifact, lines, *options)
        assert status == 0, error
        return found
