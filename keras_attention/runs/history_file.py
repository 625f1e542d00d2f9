"""history.csv: a row of numbers for each epoch."""

import csv
import io
from pathlib import Path

import keras

from keras_attention.files import write_atomically


class HistoryFile(keras.callbacks.Callback):
    """Writes the logs of every epoch as a row of a CSV file, which is always whole.

    The rows are part of a snapshot (`Snapshots(state_of=...)`): a training that goes on from one
    writes the file anew, whatever has become of it.

    Args:
        path: of the file.

    Attributes:
        text: what the file holds.
    """

    def __init__(self, path):
        super().__init__()
        self.path = Path(path)
        self.text = ""

    def go_back_to(self, epoch):
        """Writes the rows before `epoch` (from 0); those of later epochs are trained anew."""
        self.text = rows_before(self.text, epoch)
        if self.text or self.path.exists():
            write_atomically(self.path, self.text.encode())

    def on_epoch_end(self, epoch, logs=None):
        values = {"epoch": epoch, **dict(sorted((logs or {}).items()))}
        names = self.text.splitlines()[0].split(",") if self.text else list(values)
        written = io.StringIO()
        writer = csv.DictWriter(written, names, restval="NA", extrasaction="ignore")
        if not self.text:
            writer.writeheader()
        writer.writerow(values)
        self.text += written.getvalue().replace("\r\n", "\n")
        write_atomically(self.path, self.text.encode())


def rows_before(text, epoch):
    """The header and the rows of the epochs before `epoch`, up to the first that is torn.

    >>> rows_before("epoch,loss\\n0,2.5\\n1,0.7\\n2,0", 2)
    'epoch,loss\\n0,2.5\\n1,0.7\\n'
    """
    header, *rows = text.splitlines() or [""]
    kept = []
    for number, row in enumerate(rows):
        cells = row.split(",")
        if number >= epoch or cells[0] != str(number) or len(cells) != len(header.split(",")):
            break
        kept.append(row)
    if header.split(",")[0] != "epoch" or not kept:
        return ""
    return "".join(f"{line}\n" for line in [header, *kept])
