"""Text to token ids and back, corpora and batches. TensorFlow is imported only where it is used."""

from keras_attention.text.classification_batches import (
    ClassificationBatches,
    balanced_class_weights,
)
from keras_attention.text.labelled_texts import (
    LabelledTexts,
    label_ids,
    label_names,
    read_labelled,
    read_texts,
    split_labelled,
)
from keras_attention.text.masked_lm_batches import MaskedLMBatches
from keras_attention.text.multi30k import download_multi30k
from keras_attention.text.next_sentence_pairs import next_sentence_pairs
from keras_attention.text.parallel_corpus import drop_empty_pairs, read_lines, read_parallel
from keras_attention.text.phrase_corpus import phrase_corpus
from keras_attention.text.sentencepiece_processor import SentencePieceProcessor
from keras_attention.text.sentencepiece_vocabulary import train_sentencepiece
from keras_attention.text.split_without_overlap import split_without_overlap
from keras_attention.text.translation_batches import TranslationBatches
from keras_attention.text.translation_tokenizer import TranslationTokenizer
from keras_attention.text.wordpiece_vocabulary import train_wordpiece

__all__ = [
    "ClassificationBatches",
    "LabelledTexts",
    "MaskedLMBatches",
    "SentencePieceProcessor",
    "SentencePieceTokenizer",
    "TranslationBatches",
    "TranslationTokenizer",
    "WordPieceTokenizer",
    "balanced_class_weights",
    "download_multi30k",
    "drop_empty_pairs",
    "label_ids",
    "label_names",
    "next_sentence_pairs",
    "phrase_corpus",
    "read_labelled",
    "read_lines",
    "read_parallel",
    "read_texts",
    "split_labelled",
    "split_without_overlap",
    "train_sentencepiece",
    "train_wordpiece",
]


def __getattr__(name):
    if name == "SentencePieceTokenizer":  # these need TensorFlow
        from keras_attention.text.sentencepiece_tokenizer import SentencePieceTokenizer

        return SentencePieceTokenizer
    if name == "WordPieceTokenizer":
        from keras_attention.text.wordpiece_tokenizer import WordPieceTokenizer

        return WordPieceTokenizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
