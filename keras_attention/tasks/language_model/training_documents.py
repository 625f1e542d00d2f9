"""The texts that a language model is trained, validated and scored on, and their tokens."""

import contextlib
import dataclasses
import tempfile

from keras_attention._validation import InputError
from keras_attention.runs.fingerprint import fingerprint
from keras_attention.text.batches.token_stream import TokenStream
from keras_attention.text.corpora.documents import read_documents
from keras_attention.text.corpora.sharded_corpus import text_sha256
from keras_attention.text.corpora.shards import find_shards

HELD_OUT = 50  # of so many documents one is set aside to validate on
MOST_HELD_OUT = 2000  # documents
MOST_CHARACTERS = 10_000_000  # that are set aside of one document, at the end of it
IN_MEMORY = 64_000_000  # characters: the tokens of more are read from a file
LEARNED_FROM = 20_000_000  # characters that a vocabulary is made of


@dataclasses.dataclass
class Texts:
    """Documents in parts that are read anew each time; `fingerprint` knows them by their digest.

    Args:
        digest: of the texts.
        parts: function without arguments that yields pairs: a part of a text, and whether a
            document begins with it.
    """

    digest: str
    parts: dataclasses.InitVar[object]

    def __post_init__(self, parts):
        self.parts = parts


def load_texts(config, say=print):
    """The training and the validation texts of `config`: two `Texts`.

    Without validation files the last tenth of a single document is set aside, or a fiftieth of
    several.
    """
    train = read_texts(config.train, config.text_column)
    if config.valid is not None:
        return train, read_texts(config.valid, config.text_column)
    return hold_out(train, config.seed, say)


def read_texts(path, text_column="text"):
    """The texts of files, as `Texts`."""
    shards = find_shards(path)
    digest = fingerprint([[text_sha256(shard) for shard in shards], text_column])
    return Texts(digest, lambda: read_documents(shards, text_column))


def hold_out(texts, seed=0, say=print):
    """Two `Texts` of one: to train on, and to validate on.

    Args:
        texts: `Texts`.
        seed: integer, which documents are set aside, of several.
        say: function of a sentence.

    Raises:
        InputError: if there is a single document of one character.
    """
    documents = characters = 0
    for text, begins in texts.parts():
        documents, characters = documents + begins, characters + len(text)
    if documents == 1:
        kept = max(int(0.9 * characters), characters - MOST_CHARACTERS)
        if not kept:
            raise InputError("The text has one character; expected more to train on.")
        say(f"The last {characters - kept:,} characters are set aside to validate on.")
        return (
            Texts(texts.digest, lambda: _between(texts, 0, kept)),
            Texts(texts.digest, lambda: _between(texts, kept, characters)),
        )
    step = max(HELD_OUT, -(-documents // MOST_HELD_OUT))
    first = seed % min(step, documents)
    say(
        f"{len(range(first, documents, step)):,} of {documents:,} documents are set aside to "
        "validate on."
    )
    return (
        Texts(texts.digest, lambda: _every(texts, first, step, is_held_out=False)),
        Texts(texts.digest, lambda: _every(texts, first, step, is_held_out=True)),
    )


def _between(texts, start, end):
    """The characters of a single document from `start` to `end`, as parts."""
    place, begins = 0, True
    for text, _ in texts.parts():
        part = text[max(0, start - place) : max(0, end - place)]
        place += len(text)
        if part:
            yield part, begins
            begins = False


def _every(texts, first, step, is_held_out):
    """The documents `first`, `first + step`, ... of several, as parts; or all the others."""
    number = -1
    for text, begins in texts.parts():
        number += begins
        if (number % step == first) == is_held_out:
            yield text, begins


def texts_to_learn_from(texts):
    """Parts of `Texts` to make a vocabulary of: of large ones the first."""
    left = LEARNED_FROM
    for text, _ in texts.parts():
        yield text[:left]
        left -= len(text)
        if left <= 0:
            return


@contextlib.contextmanager
def token_stream(texts, tokenizer):
    """The tokens of `Texts` while the block runs: a `TokenStream`, of large ones in a file."""
    with contextlib.ExitStack() as stack:
        yield encoded(texts, tokenizer, stack)[0]


def encoded(texts, tokenizer, stack):
    """The tokens of `Texts`, of large ones in a file that goes with `stack`.

    Returns:
        A `TokenStream`, and the folder of its files; None of one that is in memory.

    Raises:
        InputError: if no token has one before it to be predicted from.
    """
    directory = None
    if _is_large(texts):
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="keras-attention-"))
        stream = TokenStream.write(directory, texts.parts(), tokenizer)
    else:
        stream = TokenStream.of(texts.parts(), tokenizer)
    if stream.tokens <= stream.documents:
        raise InputError("The texts hold no token that could be predicted from one before it.")
    return stream, directory


def _is_large(texts):
    read = 0
    for text, _ in texts.parts():
        read += len(text)
        if read > IN_MEMORY:
            return True
    return False


def scored_bytes(tokenizer, stream):
    """The bytes of the text that tokens are scored for: all but those of documents' first tokens.

    Args:
        tokenizer: of the tokens.
        stream: `TokenStream`.
    """
    if tokenizer.adds_start:  # which is the first token, and stands for no text
        return stream.bytes
    first = stream.ids[stream.begins].tolist()
    return stream.bytes - sum(len(tokenizer.token_bytes(token_id)) for token_id in first)
