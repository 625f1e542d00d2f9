"""Progress of a slow step: lines, never bars."""

import threading
import time

from keras_attention.cli.progress import Progress


def test_a_step_that_takes_long_is_told_again(capfd):
    with Progress(every=0.05) as say:
        say("converting to onnx")
        deadline = time.monotonic() + 20
        err = ""
        while "so far" not in err and time.monotonic() < deadline:
            time.sleep(0.01)
            err += capfd.readouterr().err
    lines = err.splitlines()
    assert lines[0] == "converting to onnx"
    assert lines[1].startswith("... converting to onnx: ") and lines[1].endswith(" s so far")
    assert not {"\r", "\b"} & set(err)


def test_what_is_said_obeys_nobody(capfd):
    with Progress() as say:
        say("a\x1b[31m\nb")
    assert capfd.readouterr().err == "a\\x1b[31m\\nb\n"


def test_quiet_says_nothing(capfd):
    before = threading.active_count()
    with Progress(quiet=True, every=0.001) as say:
        say("converting")
        assert threading.active_count() == before
        time.sleep(0.05)
    assert capfd.readouterr() == ("", "")
