"""How the formats of a translator are compared with Keras, and scored."""

import dataclasses
from pathlib import Path

from keras_attention._validation import InputError
from keras_attention.artifacts.precision_loss import Measure
from keras_attention.tasks.comparison import BUILT_IN_TEXTS, OWN_TEXTS, Comparison
from keras_attention.tasks.translation.parity import (
    COMPARED_SENTENCES,
    Remembered,
    best,
    check_parity,
    check_samples,
    measure_precision,
)
from keras_attention.text.corpora.phrase_corpus import phrase_corpus
from keras_attention.text.corpora.text_files import drop_empty_pairs, read_lines, read_parallel

PHRASES = 200  # of the built-in corpus, where there is no other text


@dataclasses.dataclass
class Sentences:
    """Sentences to compare on, and their references, or None."""

    sources: list
    references: list | None = None
    bleu_tokenize: str = "13a"


def sentences_to_compare_on(config, precision, valid_source=None, valid_target=None):
    """The `Sentences` of an export, of files, of the run's own data, or of the built-in corpus; and
    what they are, in words.

    Args:
        config: of the run, a dict.
        precision: a precision below float32 is scored on the run's own references.
        valid_source, valid_target: paths, or None.

    Raises:
        InputError: if a file is unusable, or holds nothing.
    """
    tokenize = config.get("bleu_tokenize", "13a")
    if valid_source and valid_target:
        sources, references, _ = drop_empty_pairs(*read_parallel(valid_source, valid_target))
        if not sources:
            raise InputError(f"{valid_source} holds no text.")
        files = f"{Path(valid_source).name} and {Path(valid_target).name}"
        return Sentences(sources, references, tokenize), f"the sentences of {files}"
    if valid_source:
        sources = [line for line in read_lines(valid_source) if line.strip()]
        return Sentences(sources, None, tokenize), f"the sentences of {Path(valid_source).name}"
    if valid_target:
        raise InputError("`valid_target` needs `valid_source`.")
    try:
        sources, references = _own_sentences(config)
        references = None if precision == "float32" else references
        said = OWN_TEXTS if config.get("train_source") else BUILT_IN_TEXTS
        return Sentences(sources, references, tokenize), said
    except InputError:  # the training files have moved: any text shows agreement
        return Sentences(phrase_corpus(PHRASES, split="valid")[0], None, tokenize), BUILT_IN_TEXTS


def _own_sentences(config):
    """The validation pairs of a run that was trained here."""
    from keras_attention.tasks.translation.sentence_pairs import load_pairs
    from keras_attention.tasks.translation.translator_config import TranslatorConfig

    return load_pairs(TranslatorConfig.from_dict(config), say=lambda text: None)[1]


class TranslationComparison(Comparison):
    """Compares translations of `Sentences` with those of Keras.

    A float32 format must give Keras' translations of the first 200 sentences, and its samples but
    for ties of two logits. A format in lower precision is compared on all sentences and may differ;
    what it loses is measured in BLEU.
    """

    measure = Measure(
        "BLEU",
        {"float16": 0.05, "int8": 0.3},
        "references (`valid_source` and `valid_target`)",
    )

    def __init__(self, user, sentences):
        if isinstance(sentences, (list, tuple)):
            sentences = Sentences(list(sentences))
        if not any(text.strip() for text in sentences.sources):
            raise InputError("There is no sentence to compare the exported formats with Keras on.")
        self._sentences = sentences
        self._reference = Remembered(user)
        self._is_sampling = user.search.is_sampling
        self.count = len(sentences.sources)

    def compared(self, lower):
        return self.count if lower else min(self.count, COMPARED_SENTENCES)

    def check(self, candidate, name, lower):
        texts = self._sentences.sources[: self.compared(lower)]
        check = measure_precision if lower else check_parity
        if self._is_sampling:
            check = check_samples
        return check(self._reference, candidate, texts, name)

    def scores(self, candidate=None):
        from keras_attention.training.translation_scores import translation_scores

        sources, references = self._sentences.sources, self._sentences.references
        if references is None:
            return None
        translator = self._reference if candidate is None else candidate
        return translation_scores(
            best(translator, sources), references, self._sentences.bleu_tokenize
        )

    def points(self, scores):
        return scores["bleu"]
