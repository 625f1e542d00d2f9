"""Download of the Multi30k corpus (Elliott et al. 2016), the only code that uses a network."""

import gzip
import http.client
import urllib.request
import zlib
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.files import write_atomically

BASE_URL = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"
LINES = {"train": 29000, "val": 1014, "test_2016_flickr": 1000}


def download_multi30k(directory, languages=("en", "de"), base_url=BASE_URL):
    """Downloads `train`, `val` and `test_2016_flickr` of each language as `PART.LANGUAGE.gz`.

    A file that exists is kept. A download with the wrong number of lines is refused.

    Returns:
        The paths, as `{(part, language): Path}`.

    Raises:
        InputError: if a file cannot be fetched or has the wrong number of lines.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = {}
    for part, lines in LINES.items():
        for language in languages:
            path = directory / f"{part}.{language}.gz"
            paths[part, language] = path
            if path.exists():
                continue
            url = f"{base_url}/{path.name}"
            try:
                with urllib.request.urlopen(url, timeout=60) as response:
                    data = response.read()
                found = gzip.decompress(data).count(b"\n")
            except (OSError, http.client.HTTPException, EOFError, zlib.error) as error:
                raise InputError(f"{url}: cannot be downloaded ({error}).") from error
            if found != lines:
                raise InputError(f"{url}: expected {lines:,} lines, received {found:,}.")
            write_atomically(path, data)
    return paths
