"""Text to token ids and back, corpora and batches. TensorFlow is imported only where it is used."""

from keras_attention._lazy import lazy_names

_MODULES = {
    "AddedToken": "tokenizers.wordpiece_vocabulary",
    "balanced_class_weights": "batches.classification_batches",
    "ClassificationBatches": "batches.classification_batches",
    "class_names": "corpora.label_values",
    "download_multi30k": "corpora.download_multi30k",
    "drop_empty_pairs": "corpora.text_files",
    "label_ids": "corpora.label_values",
    "label_names": "corpora.label_values",
    "label_targets": "corpora.label_values",
    "LabelledTexts": "corpora.labelled_texts",
    "MaskedLMBatches": "batches.masked_lm_batches",
    "next_sentence_pairs": "corpora.next_sentence_pairs",
    "phrase_corpus": "corpora.phrase_corpus",
    "read_labelled": "corpora.labelled_texts",
    "read_pairs": "corpora.text_pairs",
    "read_lines": "corpora.text_files",
    "read_parallel": "corpora.text_files",
    "read_texts": "corpora.labelled_texts",
    "SentencePieceProcessor": "tokenizers.sentencepiece_processor",
    "SentencePieceTokenizer": "tokenizers.sentencepiece_tokenizer",
    "split_labelled": "corpora.labelled_texts",
    "split_without_overlap": "corpora.split_without_overlap",
    "TextPairBatches": "batches.text_pair_batches",
    "train_sentencepiece": "tokenizers.train_sentencepiece",
    "train_wordpiece": "tokenizers.wordpiece_vocabulary",
    "TranslationBatches": "batches.translation_batches",
    "TranslationTokenizer": "tokenizers.translation_tokenizer",
    "WordPieceTokenizer": "tokenizers.wordpiece_tokenizer",
}
__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
