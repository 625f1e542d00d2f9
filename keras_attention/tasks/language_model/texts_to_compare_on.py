"""The texts on which an export compares a language model with its formats."""

from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.tasks.comparison import BUILT_IN_TEXTS, OWN_TEXTS

MOST_CHARACTERS = 200_000  # that are read: more than are compared
TEXT = 2000  # characters of one of them: a long document gives several
PHRASES = 200  # of the built-in corpus, where there is no other text


def texts_to_compare_on(config, valid=None):
    """The texts of an export, of a file, of the run's own data, or of the built-in corpus; and what
    they are, in words.

    Args:
        config: of the run, a dict.
        valid: path, or None.

    Raises:
        InputError: if the file is unusable, or holds nothing.
    """
    from keras_attention.tasks.language_model.training_documents import read_texts

    if valid is not None:
        texts = _texts(read_texts(valid, config.get("text_column") or "text"))
        if not texts:
            raise InputError(f"{valid} holds no text.")
        return texts, f"the texts of {Path(valid).name}"
    try:
        texts = _own_texts(config)
    except InputError:  # the training files have moved: any text shows agreement
        texts = None
    if texts:
        return texts, OWN_TEXTS
    return _built_in(), BUILT_IN_TEXTS


def _own_texts(config):
    """The validation texts of a run that was trained here; None of another."""
    from keras_attention.tasks.language_model.language_model_config import LanguageModelConfig
    from keras_attention.tasks.language_model.training_documents import load_texts

    if not config.get("train"):
        return None
    return _texts(load_texts(LanguageModelConfig.from_dict(config), say=lambda text: None)[1])


def _texts(texts):
    """Strings that are not blank: documents, long ones in parts."""
    found, size = [], 0
    for text, _ in texts.parts():
        for start in range(0, len(text), TEXT):
            part = text[start : start + TEXT]
            if part.strip():
                found.append(part)
                size += len(part)
            if size >= MOST_CHARACTERS:
                return found
    return found


def _built_in():
    from keras_attention.text.corpora.phrase_corpus import phrase_corpus

    return phrase_corpus(PHRASES, split="valid")[0]
