"""`keras-attention launch`: starts workers on this machine, and again when one has failed."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.cli.main import WORKER_LOST

BAD_INPUT = 2  # exit status for which starting again is of no use
GRACE = 40.0  # seconds that workers have to end by themselves; they miss a lost one within 30


def add_parser(subparsers, common, help, arguments):
    """Adds the command and its options."""
    launch = subparsers.add_parser(
        "launch",
        parents=[common],
        help=help,
        description="Starts N workers of one training on this machine, and all of them again, from "
        "the last snapshot, when one has ended before its time.",
    )
    add = launch.add_argument
    add("--workers", type=int, required=True, metavar="N")
    add("--restarts", type=int, default=3, metavar="N", help="how often at most (default: 3)")
    add("arguments", nargs="...", metavar="-- train ...", help="the training, as without launch")
    launch.set_defaults(run=run)


def training_arguments(arguments):
    """The arguments of every worker, from those after `--`.

    Raises:
        InputError: if they are not those of a training.
    """
    arguments = list(arguments)
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    if arguments[:1] != ["train"]:
        raise InputError(
            "`launch` starts trainings: keras-attention launch --workers 2 -- train translator "
            f"... Received: {' '.join(arguments) or 'nothing'}"
        )
    if not any(argument.startswith("--distribute") for argument in arguments):
        arguments += ["--distribute", "multi-worker"]
    return arguments


def output_now(arguments):
    """Which directory is at the training's --output: one that replaces it is another one."""
    try:
        found = os.stat(_parsed(arguments)[0].output)
    except (OSError, TypeError, ValueError):  # there is none
        return None
    return found.st_dev, found.st_ino


def restarted_arguments(arguments, begun):
    """The arguments of workers that start again.

    Args:
        arguments: those of the workers that ended.
        begun: whether these had made the run. Until they have, what is at --output is an older
            run, from which `--resume` would go on.

    >>> restarted_arguments(["train", "classifier", "--output", "run", "--force"], begun=True)
    ['train', 'classifier', '--output', 'run', '--resume']
    """
    options, others = _parsed(arguments)
    if options.resume or not begun:
        return arguments
    return [*others, "--output", options.output, "--resume"]


def _parsed(arguments):
    """The training's options that say where it begins, and its other arguments."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--output")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--resume", action="store_true")
    return parser.parse_known_args(arguments)


def free_ports(count):
    """Ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def worker_environments(count):
    """The environment variables of each of `count` workers on this machine."""
    workers = [f"localhost:{port}" for port in free_ports(count)]
    configs = [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        for index in range(count)
    ]
    return [{**os.environ, "TF_CONFIG": json.dumps(config)} for config in configs]


def start(arguments, count, notes):
    """Starts the workers: a list of processes.

    The first one's messages are shown; those of worker i go to `notes/i`, because most of them are
    the same sentence.
    """
    processes = []
    for index, environment in enumerate(worker_environments(count)):
        with open(notes / str(index), "wb") as file:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "keras_attention.cli.main", *arguments],
                    env=environment,
                    stderr=file if index else sys.stderr,  # which descriptor 2 need not be
                    # The terminal's Ctrl-C reaches this process alone, which passes it on.
                    start_new_session=True,
                )
            )
    return processes


def first_failure(processes, stop_asked):
    """Waits until all have ended well, or one badly: its index; None if all is well."""
    while not stop_asked():
        statuses = [process.poll() for process in processes]
        if any(statuses):
            time.sleep(1.0)  # what goes wrong for all goes wrong for the first one too
            failed = [i for i, process in enumerate(processes) if process.poll()]
            # Those that only miss another one may have ended before it was looked at.
            return min(failed, key=lambda i: processes[i].returncode == WORKER_LOST)
        if None not in statuses:
            return None
        time.sleep(0.1)


def end(processes, number=None):
    """Waits until all have ended, and makes them when the time is over; sends `number` first."""
    deadline = time.monotonic() + GRACE
    for process in processes:
        if number is not None and process.poll() is None:
            process.send_signal(number)
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def describe(status):
    """An exit status in words."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"


def run(options):
    """Starts, watches and starts again; returns the exit status of the training."""
    if options.workers < 1:
        raise InputError(f"--workers must be 1 or more. Received: --workers {options.workers}")
    if options.restarts < 0:
        raise InputError(f"--restarts must be 0 or more. Received: --restarts {options.restarts}")
    arguments = training_arguments(options.arguments)
    asked = []
    former = {
        number: signal.signal(number, lambda number, frame: asked.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    processes = []
    before = output_now(arguments)
    try:
        with tempfile.TemporaryDirectory() as notes:
            for restart in range(options.restarts + 1):
                processes = start(arguments, options.workers, Path(notes))
                failed = first_failure(processes, lambda: asked)
                if asked:
                    end(processes, asked[0])
                    say(f"stopped by {signal.Signals(asked[0]).name}; all workers have ended.")
                    return 128 + asked[0]
                if failed is None:
                    return 0
                end(processes)
                status = processes[failed].returncode
                if failed:
                    sys.stderr.write(Path(notes, str(failed)).read_text("utf-8", "replace"))
                if status == BAD_INPUT:
                    return status
                say(f"worker {failed} {describe(status)}.")
                if restart < options.restarts:
                    say("all workers are started again.")
                    begun = output_now(arguments) != before
                    arguments = restarted_arguments(arguments, begun)
            return status if status > 0 else 128 - status
    finally:
        for process in processes:
            process.kill()
        for number, handler in former.items():
            signal.signal(number, handler)


def say(sentence):
    """Writes a sentence on standard error."""
    print(f"keras-attention: {sentence}", file=sys.stderr)
