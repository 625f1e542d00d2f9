"""Pipes and standard input, which can be read once, as files."""

import contextlib
import gzip
import io
import os
import threading

import pytest

from keras_attention._validation import InputError
from keras_attention.tasks.language_model.training_documents import read_texts as read_lm_texts
from keras_attention.text import read_labelled, read_lines, read_pairs, read_texts
from keras_attention.text.corpora import kept_input
from keras_attention.text.corpora.kept_input import keeping_pipes, open_once
from keras_attention.text.corpora.reading_options import reading_as
from keras_attention.text.corpora.scan_shards import scan_shards
from keras_attention.text.corpora.text_files import read_parallel


@pytest.fixture
def pipe_of():
    """A function of bytes to the path of a pipe that gives them, as shells make it."""
    readers = []

    def make(data):
        reader, writer = os.pipe()
        readers.append(reader)

        def write():
            with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb") as file:
                file.write(data)

        threading.Thread(target=write, daemon=True).start()
        return f"/dev/fd/{reader}"

    yield make
    for reader in readers:
        os.close(reader)


@pytest.fixture(params=["pipe", "file"])
def standard_input(request, tmp_path):
    """A function that makes bytes what comes from standard input."""
    kept = os.dup(0)

    def give(data):
        if request.param == "file":
            (tmp_path / "stdin").write_bytes(b"read before\n" + data)
            descriptor = os.open(tmp_path / "stdin", os.O_RDONLY)
            os.lseek(descriptor, 12, os.SEEK_SET)
        else:
            descriptor, writer = os.pipe()
            os.write(writer, data)
            os.close(writer)
        os.dup2(descriptor, 0)
        os.close(descriptor)
        return "-"

    yield give
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.parametrize("in_memory", [1 << 26, 1000])
def test_a_pipe_is_read_as_often_as_a_file(pipe_of, monkeypatch, in_memory):
    monkeypatch.setattr(kept_input, "IN_MEMORY", in_memory)
    lines = [f"line {number}" for number in range(3000)]
    path = pipe_of("".join(f"{line}\n" for line in lines).encode())
    with keeping_pipes():
        assert read_lines(path) == read_texts(path) == lines
        with open_once(path) as file, open_once(path) as other:  # at once, each from its beginning
            assert file.seek(-5, io.SEEK_END) == other.seek(0, io.SEEK_END) - 5
            assert (file.read(), other.read()) == (b"2999\n", b"")
            assert file.seek(5) == 5 and file.seek(2, io.SEEK_CUR) == 7 == file.tell()
            with pytest.raises(OSError, match="Invalid argument"):
                file.seek(-1)
        corpus, (sample,), _ = scan_shards([[path]], 8, hold_out=True)
        read = [text for window in range(len(corpus)) for text in corpus.read(window)[0]]
        assert sorted(read) == sorted(sample) and len(read) == 2940
    assert not kept_input._kept


def test_standard_input_is_read_as_often_as_a_file(standard_input):
    path = standard_input(b"one\ntwo\n")
    with keeping_pipes():
        assert read_lines(path) == read_lines(path) == ["one", "two"]
        assert read_parallel(path, path) == (["one", "two"], ["one", "two"])
        texts = read_lm_texts(path)
        assert [list(texts.parts()) for _ in range(2)] == [[("one\ntwo\n", True)]] * 2


def test_another_block_reads_another_pipe(pipe_of):
    for text in ("one", "two"):
        with reading_as():
            assert read_lines(pipe_of(text.encode())) == [text]


@pytest.mark.parametrize(
    "data",
    [
        b"text,label\na b,x\nc,y\n",
        b"text\tlabel\na b\tx\nc\ty\n",
        b'{"text": "a b", "label": "x"}\n{"text": "c", "label": "y"}\n',
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_pipe_may_hold_any_table(pipe_of, standard_input, data, compress):
    for give in (pipe_of, standard_input):
        path = give(compress(data))
        with keeping_pipes():
            for _ in range(2):
                assert read_labelled(path).texts == ["a b", "c"]
            pairs = read_pairs(path)
            assert (pairs.texts, pairs.pairs) == (["a b", "c"], ["x", "y"])


def test_a_delimiter_makes_a_pipe_a_table(pipe_of):
    with reading_as(delimiter=";"):
        assert read_texts(pipe_of(b"text;n\na, b;1\n")) == ["a, b"]
        texts = read_lm_texts(pipe_of(b"text;n\na, b;1\n"))
        assert list(texts.parts()) == [("a, b", True)]
    with reading_as(delimiter="tab"):
        assert read_texts(pipe_of(b"text\tn\na, b\t1\n")) == ["a, b"]


def test_messages_name_what_was_read(standard_input, pipe_of):
    with pytest.raises(InputError, match="^standard input, line 2: the label .'label'. is empty"):
        read_labelled(standard_input(b"text,label\na,\n"))
    path = pipe_of(b"text,label\na\n")
    with pytest.raises(InputError, match=f"^{path}, line 2: the row has 1 field"):
        read_labelled(path)


@pytest.mark.parametrize("read", [read_lines, read_labelled, read_pairs, read_lm_texts])
def test_what_has_no_end_ends_in_a_sentence(pipe_of, monkeypatch, read):
    monkeypatch.setattr(kept_input, "LONGEST_LINE", 1 << 21)
    with keeping_pipes():
        with pytest.raises(InputError, match="it has no line end among 2,097,152 bytes"):
            read(pipe_of(bytes(1 << 23)))
        with pytest.raises(InputError, match="cannot be read .it is a device"):
            read("/dev/zero")


def test_a_device_as_standard_input(standard_input):
    standard_input(b"")
    for device, said in (("/dev/zero", "it is a device"), ("/dev/null", "the file is empty")):
        descriptor = os.open(device, os.O_RDONLY)
        os.dup2(descriptor, 0)
        os.close(descriptor)
        with pytest.raises(InputError, match=f"^standard input: .*{said}"):
            read_lines("-")
        with keeping_pipes(), pytest.raises(InputError, match=f"^standard input: .*{said}"):
            read_lines("-")
    os.close(0)
    try:
        with pytest.raises(InputError, match="^standard input is closed; give the name of a file"):
            read_lines("-")
    finally:
        assert os.open("/dev/null", os.O_RDONLY) == 0


def test_no_room_for_a_pipe(pipe_of, monkeypatch):
    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_input, "IN_MEMORY", 1000)
    monkeypatch.setattr(kept_input.tempfile, "TemporaryFile", full)
    with keeping_pipes(), pytest.raises(InputError, match="cannot be kept in .* .No space left on"):
        read_lines(pipe_of(b"a line\n" * 1000))
