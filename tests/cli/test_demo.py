"""What the demo says of its time, and what it refuses at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.cli import demo

RATE = 160e9
RATES = st.floats(1e9, 1e15)
COUNTS = st.integers(1, 10**6)


@given(COUNTS, COUNTS, RATES)
def test_more_work_takes_longer_and_no_rate_makes_all_of_it_faster(pairs, sentences, rate):
    expected = demo.expected_seconds(pairs, sentences, rate)
    assert expected < demo.expected_seconds(2 * pairs, sentences, rate)
    assert expected < demo.expected_seconds(pairs, 2 * sentences, rate)
    assert expected > demo.expected_seconds(pairs, sentences, 2 * rate)
    least = demo.STARTING_AND_EXPORTING + pairs * demo.PAIR + sentences * demo.SENTENCE
    assert expected > least * (1 - 1e-9)


def test_measured_times():
    """Those of docs/results.md."""
    assert demo.expected_seconds(100_000, 1000, RATE) == pytest.approx(266, rel=0.1)


@pytest.mark.parametrize(
    "seconds, said",
    [(0.1, "1 minute"), (89, "1 minute"), (91, "2 minutes"), (3600, "60 minutes")],
)
def test_minutes(seconds, said):
    assert demo.in_minutes(seconds) == said


@pytest.mark.parametrize(
    "options, said",
    [
        (["--sentences", "0"], "`sentences` must be a positive integer. Received: sentences=0"),
        (["--sentences", "-3"], "`sentences` must be a positive integer. Received: sentences=-3"),
    ],
)
def test_a_number_that_cannot_be(options, said, tmp_path, capsys):
    assert demo.main([*options, "--output", str(tmp_path / "demo")]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"demo: {said}\n")
    assert not (tmp_path / "demo").exists()


def test_it_speaks_of_the_epochs_and_sentences_that_are_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "matrix_rate", lambda: RATE)
    (tmp_path / "report.json").touch()  # so that nothing begins
    options = ["--epochs", "1", "--sentences", "8000", "--output", str(tmp_path)]
    assert demo.main(options) == 1
    said = demo.in_minutes(demo.expected_seconds(50_000, 8000, RATE))
    printed = capsys.readouterr()
    assert printed.out == f"This takes about {said} here.\n"
    assert "report.json already exists" in printed.err
    assert said != demo.in_minutes(demo.expected_seconds(100_000, 1000, RATE))
