import gzip
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from keras_attention._validation import InputError
from keras_attention.text import download_multi30k
from keras_attention.text.corpora.download_multi30k import LINES


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    """A web server on this machine with all files; its folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    for part, lines in LINES.items():
        for language in ("en", "de"):
            data = f"{part} {language}\n".encode() * lines
            (folder / f"{part}.{language}.gz").write_bytes(gzip.compress(data, 1))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_all_parts_and_what_is_there_is_kept(server, tmp_path):
    _, url = server
    kept = tmp_path / "data" / "val.en.gz"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    paths = download_multi30k(tmp_path / "data", base_url=url)
    assert set(paths) == {(part, language) for part in LINES for language in ("en", "de")}
    assert kept.read_bytes() == b"mine"
    assert gzip.decompress(paths["train", "de"].read_bytes()).count(b"\n") == 29000


def test_a_file_of_the_wrong_length_is_refused_and_not_left(server, tmp_path):
    folder, url = server
    (folder / "val.de.gz").write_bytes(gzip.compress(b"short\n"))
    with pytest.raises(InputError, match="val.de.gz: expected 1,014 lines, received 1"):
        download_multi30k(tmp_path / "data", base_url=url)
    assert not (tmp_path / "data" / "val.de.gz").exists()


def test_a_missing_file_and_no_network_are_one_sentence(server, tmp_path):
    folder, url = server
    (folder / "train.en.gz").unlink()
    with pytest.raises(InputError, match="train.en.gz: cannot be downloaded .HTTP Error 404"):
        download_multi30k(tmp_path / "data", base_url=url)
    with pytest.raises(InputError, match="cannot be downloaded"):
        download_multi30k(tmp_path / "data", base_url="http://127.0.0.1:9")
