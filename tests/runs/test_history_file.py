from hypothesis import given
from hypothesis import strategies as st

from keras_attention.runs.history_file import HistoryFile, rows_before

WHOLE = "epoch,loss,val_loss\n0,2.5,3.5\n1,0.75,1.5\n2,0.5,1.25\n"


def test_a_row_an_epoch(tmp_path):
    history = HistoryFile(tmp_path / "history.csv")
    history.on_epoch_end(0, {"val_loss": 3.5, "loss": 2.5})
    history.on_epoch_end(1, {"loss": 0.75, "val_loss": 1.5})
    history.on_epoch_end(2, {"val_loss": 1.25, "loss": 0.5, "new": 3.0})
    history.on_epoch_end(3, {"loss": 0.25})
    text = WHOLE + "3,0.25,NA\n"
    assert (tmp_path / "history.csv").read_text() == history.text == text
    history.go_back_to(2)
    assert (tmp_path / "history.csv").read_text() == history.text == rows_before(WHOLE, 2)
    history.go_back_to(0)
    history.on_epoch_end(0, {"loss": 1.0})
    assert (tmp_path / "history.csv").read_text() == "epoch,loss\n0,1.0\n"


def test_rows_that_no_snapshot_knows_are_written_anew(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(WHOLE)
    HistoryFile(path).go_back_to(3)
    assert path.read_text() == ""


@given(at=st.integers(0, len(WHOLE)), tail=st.text(max_size=8), epoch=st.integers(0, 4))
def test_whatever_follows_a_tear_is_cut(at, tail, epoch):
    found = rows_before(WHOLE[:at] + tail, epoch)
    lines = found.splitlines()
    assert len(lines) in range(epoch + 2)
    # Rows that stood before the tear are as they were, and nothing else has come.
    whole = WHOLE[:at].count("\n")
    assert lines[:whole] == WHOLE.splitlines()[: len(lines[:whole])]
    for number, line in enumerate(lines[1:]):
        assert line.split(",")[0] == str(number)


@given(epoch=st.integers(1, 5))
def test_a_whole_file_loses_later_epochs_alone(epoch):
    assert rows_before(WHOLE, epoch) == "".join(WHOLE.splitlines(True)[: epoch + 1])
