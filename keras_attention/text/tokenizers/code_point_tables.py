"""Tables with an entry for each character, small enough to be constants of a graph."""

import numpy as np

CODES = 0x110000  # of Unicode
_PAGE = 256


def paged(values):
    """A table without repeated pages of 256 entries: `(start of each page, the entries)`.

    Args:
        values: int32 (`CODES`,).
    """
    starts, pages = [], {}
    for page in values.reshape(-1, _PAGE):
        starts.append(pages.setdefault(page.tobytes(), _PAGE * len(pages)))
    return np.array(starts, np.int32), np.frombuffer(b"".join(pages), np.int32)


def look_up(table, codes):
    """`values[codes]` of a table as pages, as a tensor.

    Args:
        table: two tensors or arrays, as `paged` gives them.
        codes: int32 tensor (N,).
    """
    import tensorflow as tf

    starts, entries = table
    return tf.gather(entries, tf.gather(starts, codes // _PAGE) + codes % _PAGE)
