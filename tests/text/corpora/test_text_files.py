import gzip

import pytest

from keras_attention._validation import InputError
from keras_attention.text import drop_empty_pairs, read_lines, read_parallel


def write(path, data):
    path.write_bytes(data)
    return path


def test_only_line_feeds_end_lines(tmp_path):
    text = "eins\r\nzwei\u2028noch zwei\x85\x0c und\u2029\n\nvier"
    path = write(tmp_path / "text", text.encode())
    assert read_lines(path) == ["eins", "zwei\u2028noch zwei\x85\x0c und\u2029", "", "vier"]


def test_a_final_line_feed_adds_no_line_and_a_byte_order_mark_is_dropped(tmp_path):
    assert read_lines(write(tmp_path / "a", b"\xef\xbb\xbfein\n")) == ["ein"]
    assert read_lines(write(tmp_path / "b", b"ein\n\n")) == ["ein", ""]


def test_gzip_is_read(tmp_path):
    path = write(tmp_path / "text.gz", gzip.compress("größer\nkleiner\n".encode()))
    assert read_lines(path) == ["größer", "kleiner"]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path, data):
    path = write(tmp_path / "text", data)
    with pytest.raises(InputError, match=f"^{path}: the file is empty; expected one sentence a"):
        read_lines(path)


def test_bytes_that_are_not_utf_8_name_file_line_and_byte(tmp_path):
    path = write(tmp_path / "text", b"gut\nauch gut\ngr\xf6\xdfer\n")
    with pytest.raises(InputError, match=f"^{path}, line 3: not UTF-8 text .byte 3 is 0xf6."):
        read_lines(path)


def test_a_truncated_or_false_gzip_file(tmp_path):
    whole = gzip.compress(b"ein Satz\n" * 100)
    for name, data in (("cut.gz", whole[:-9]), ("false.gz", b"no gzip at all")):
        path = write(tmp_path / name, data)
        with pytest.raises(InputError, match=f"^{path}: not a complete gzip file"):
            read_lines(path)


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(InputError, match="cannot be read .No such file or directory"):
        read_lines(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read .Is a directory"):
        read_lines(tmp_path)


def test_files_of_different_length_say_both_counts(tmp_path):
    source = write(tmp_path / "a", b"x\n" * 1200)
    target = write(tmp_path / "b", b"x\n" * 3)
    with pytest.raises(InputError, match=r"a has 1,200 lines and .*b has 3; a parallel corpus"):
        read_parallel(source, target)


def test_pairs_with_an_empty_side_are_dropped_and_counted():
    kept = drop_empty_pairs(["a", " ", "c", ""], ["A", "B", "\t", ""])
    assert kept == (["a"], ["A"], 3)


def test_the_real_corpus(real_data):
    folder = real_data / "multi30k"
    sources, targets = read_parallel(
        folder / "train.lc.norm.tok.en.gz", folder / "train.lc.norm.tok.de.gz"
    )
    assert len(sources) == len(targets) == 29000
    assert drop_empty_pairs(sources, targets)[2] == 0
