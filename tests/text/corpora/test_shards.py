import gzip

import pytest

from keras_attention._validation import InputError
from keras_attention.text.corpora.scan_shards import scan_shards
from keras_attention.text.corpora.shards import find_parallel_shards, find_shards


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_bytes(text)


def test_a_file_a_directory_and_patterns(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.en", "a.en", ".hidden", "a.de", "deep/c.en", "deep/er/d.en"):
        (tmp_path / name).write_text("x\n")

    def found(pattern):
        return [path.removeprefix(f"{tmp_path}/") for path in find_shards(f"{tmp_path}/{pattern}")]

    assert found("a.en") == ["a.en"]
    assert found("nowhere.en") == ["nowhere.en"]  # who opens it says that it is missing
    assert found("") == ["a.de", "a.en", "b.en"]
    assert found("*.en") == ["a.en", "b.en"]
    assert found("[ab].en") == ["a.en", "b.en"]
    assert found("**/*.en") == ["a.en", "b.en", "deep/c.en", "deep/er/d.en"]
    (tmp_path / "[ab].en").write_text("x\n")
    assert found("[ab].en") == ["[ab].en"]  # a file of that very name is that file


def test_what_names_no_file(tmp_path):
    with pytest.raises(InputError, match="x-\\*: no file matches"):
        find_shards(tmp_path / "x-*")
    with pytest.raises(InputError, match=": a directory without files"):
        find_shards(tmp_path)


def test_partners_are_those_of_the_sorted_order(tmp_path):
    write(tmp_path, a_en=b"x", b_en=b"x", a_de=b"x", b_de=b"x", c_de=b"x")
    found = find_parallel_shards(tmp_path / "*.en", tmp_path / "[ab].de")
    assert [[path[-4:] for path in pair] for pair in found] == [["a.en", "a.de"], ["b.en", "b.de"]]
    with pytest.raises(InputError, match="has 2 shards and .* has 3; .*c.de has none"):
        find_parallel_shards(tmp_path / "*.en", tmp_path / "*.de")


def scan(folder, *names, **options):
    return scan_shards([[str(folder / name) for name in pair] for pair in names], 16, **options)


def test_lines_end_as_they_do_in_files_that_are_read_whole(tmp_path):
    write(tmp_path, a_en=b"\xef\xbb\xbfone\r\ntwo\x0c\xe2\x80\xa8\n\nfour", a_de=b"1\n2\n3\n4\n")
    corpus, sample, held_out = scan(tmp_path, ("a.en", "a.de"))
    assert sample == [["one", "two\x0c\u2028", "four"], ["1", "2", "4"]] == corpus.read(0)
    assert held_out == [[], []]
    assert (corpus.lines, corpus.blank, corpus.text_bytes) == (4, 1, 21 + 8)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (dict(b_en=b"1\n2\n", b_de=b"1\n"), "b.en has 2 lines and .*b.de has 1; a parallel corpus"),
        (
            dict(b_en=b"1\n", b_de=b"1\n2\n3"),
            "b.en has 1 lines and .*b.de has 3; a parallel corpus",
        ),
        (dict(b_en=b"", b_de=b""), "b.en: the file is empty"),
        (dict(b_en=b"1\n2\n", b_de=b"1\n\xff\n"), "b.de, line 2: not UTF-8 text"),
        (dict(b_en=b"1\n2\n"), "b.de: cannot be read \\(No such file"),
    ],
)
def test_the_shard_that_is_wrong_is_named(tmp_path, files, message):
    write(tmp_path, a_en=b"1\n2\n", a_de=b"1\n2\n", **files)
    with pytest.raises(InputError, match=message):
        scan(tmp_path, ("a.en", "a.de"), ("b.en", "b.de"))


def test_gzip_cut_short(tmp_path):
    whole = gzip.compress(b"line\n" * 99)
    (tmp_path / "a.gz").write_bytes(whole[:-9])
    with pytest.raises(InputError, match="a.gz: not a complete gzip file"):
        scan(tmp_path, ("a.gz",))


def test_no_text_and_one_text(tmp_path):
    write(tmp_path, a_en=b"one\n \n", a_de=b"\nzwei\n", b_en=b"one\n\n", b_de=b"eins\n\n")
    with pytest.raises(InputError, match="a.en and .*a.de hold no row with text on every side"):
        scan(tmp_path, ("a.en", "a.de"))
    with pytest.raises(InputError, match="b.de: one row; give two or more, or validation files"):
        scan(tmp_path, ("b.en", "b.de"), hold_out=True)


def test_a_sample_is_bounded_and_has_no_row_that_is_held_out(tmp_path):
    write(tmp_path, a_en=b"".join(b"%d\n" % n for n in range(1000)))
    corpus, (sample,), (held_out,) = scan(tmp_path, ("a.en",), sample=100, hold_out=True, seed=2)
    assert len(held_out) == 20 and len(sample) == 80
    assert not set(sample) & set(held_out)
    assert [int(text) for text in held_out] == corpus.held_out == sorted(corpus.held_out)
    trained = [text for window in range(len(corpus)) for text in corpus.read(window)[0]]
    assert sorted(map(int, [*trained, *held_out])) == list(range(1000))
    assert scan(tmp_path, ("a.en",), sample=100, hold_out=True, seed=2)[1] == [sample]
    assert scan(tmp_path, ("a.en",), sample=100, hold_out=True, seed=3)[1] != [sample]
