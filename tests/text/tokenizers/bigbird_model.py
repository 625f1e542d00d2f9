"""A small SentencePiece model whose special ids are those of the published BigBird models."""

import functools
import io

import sentencepiece

from keras_attention.text import phrase_corpus

SPECIAL = {"<pad>": 0, "<s>": 1, "</s>": 2, "[CLS]": 65, "[SEP]": 66, "[MASK]": 67, "<unk>": 100}


@functools.cache
def bigbird_model(model_type="bpe", size=320):
    """Its bytes: a vocabulary of phrases, with special ids that nothing else stands between."""
    unused = [f"<unused_{i}>" for i in range(62)]  # 3 to 64
    more = [f"<more_{i}>" for i in range(32)]  # 68 to 99
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(phrase_corpus(300)[0]),
        model_writer=written,
        vocab_size=size,
        model_type=model_type,
        character_coverage=1.0,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=100,
        control_symbols=[*unused, "[CLS]", "[SEP]", "[MASK]", *more],
        num_threads=1,
        minloglevel=2,
    )
    return written.getvalue()
