"""Runs the command line inside the test process, or in a process of its own."""

import os
import subprocess
import sys
import warnings

from keras_attention.cli.main import main


def run_here(capfd, *arguments):
    """Exit status, standard output and standard error of one command."""
    capfd.readouterr()
    with warnings.catch_warnings():
        show = warnings.showwarning
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse's own
            status = stop.code
        finally:
            warnings.showwarning = show
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def run_process(*arguments, input=None, **environment):
    """The finished process of one command, output as bytes."""
    return subprocess.run(
        [sys.executable, "-m", "keras_attention.cli.main", *map(str, arguments)],
        input=input,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=600,  # machines are shared
    )
