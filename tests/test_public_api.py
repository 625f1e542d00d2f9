"""The public names are a promise: whoever adds or drops one changes this list and the CHANGELOG."""

import importlib
import inspect
import re

import pytest

PUBLIC = {
    "keras_attention": [
        "__version__",
        "checkpoints",
        "decoding",
        "export",
        "layers",
        "load",
        "masks",
        "models",
        "save_run",
        "tasks",
        "text",
        "training",
        "visualization",
    ],
    "keras_attention.layers": [
        "AdditiveAttention",
        "BaseAttention",
        "BlockSparseAttention",
        "BlockSparseEncoder",
        "Dropout",
        "FeedForward",
        "GNMTDecoder",
        "GPTDecoder",
        "GatedFeedForward",
        "GroupedQueryAttention",
        "LlamaDecoder",
        "MaskedLMHead",
        "Maxout",
        "MultiHeadAttention",
        "MultiplicativeAttention",
        "OutputProjection",
        "PositionEmbedding",
        "RNNSearchDecoder",
        "RecurrentDecoder",
        "RecurrentEncoder",
        "RotaryEmbedding",
        "SinusoidalPositionEncoding",
        "TokenAndPositionEmbedding",
        "TransformerBlock",
        "TransformerDecoder",
        "TransformerEncoder",
        "enable_lora",
        "from_keras",
        "merge_lora",
        "to_keras",
    ],
    "keras_attention.decoding": [
        "CacheSlots",
        "SamplingOptions",
        "SearchOptions",
        "SpecialIds",
        "StepContract",
        "beam_search",
        "cache_slots",
        "context_limits",
        "extend_cache",
        "gnmt_score",
        "greedy_search",
        "same_limits",
        "sample",
        "search",
        "source_limits",
    ],
    "keras_attention.models": [
        "BertEncoder",
        "BigBirdEncoder",
        "Classifier",
        "ClassifierHead",
        "DistilBertEncoder",
        "Encoder",
        "EncoderHead",
        "GPT",
        "LanguageModel",
        "LessonClassifier",
        "LessonEncoder",
        "Llama",
        "MaskedLM",
        "Model",
        "RNNTranslator",
        "SentenceEncoder",
        "TokenClassifier",
        "TransformerTranslator",
        "Translator",
    ],
    "keras_attention.checkpoints": [
        "from_keras_hub",
        "load_hugging_face",
        "load_tokenizer",
        "save_hugging_face",
        "to_keras_hub",
    ],
    "keras_attention.training": [
        "AverageCheckpoints",
        "BestCheckpoint",
        "Distiller",
        "PreemptionHandler",
        "InverseSquareRootSchedule",
        "LabelSmoothedCrossEntropy",
        "LayerwiseAdamW",
        "MultipleNegativesRanking",
        "NoamSchedule",
        "Perplexity",
        "Snapshots",
        "StopAtNaN",
        "TokenAccuracy",
        "TokenLoss",
        "TrainingInterrupted",
        "TranslationScores",
        "WarmupCosineSchedule",
        "WarmupLinearSchedule",
        "WorkerLost",
        "average_weights",
        "classification_scores",
        "layer_rate_scales",
        "linear_cross_entropy",
        "multi_label_scores",
        "regression_scores",
        "restore_latest",
        "retrieval_scores",
        "save_snapshot",
        "translation_scores",
    ],
    "keras_attention.text": [
        "AddedToken",
        "ByteFallbackTokenizer",
        "BytePairTokenizer",
        "ByteTokenizer",
        "CharacterTokenizer",
        "ClassificationBatches",
        "LabelledTexts",
        "LanguageModelBatches",
        "MaskedLMBatches",
        "SentencePieceEncoderTokenizer",
        "SentencePieceProcessor",
        "SentencePieceTokenizer",
        "TextPairBatches",
        "TokenStream",
        "TranslationBatches",
        "TranslationTokenizer",
        "WordPieceTokenizer",
        "balanced_class_weights",
        "chat_prompt",
        "class_names",
        "download_multi30k",
        "drop_empty_pairs",
        "label_ids",
        "label_names",
        "label_targets",
        "next_sentence_pairs",
        "phrase_corpus",
        "read_documents",
        "read_labelled",
        "read_lines",
        "read_pairs",
        "read_parallel",
        "read_texts",
        "reading_as",
        "split_labelled",
        "split_without_overlap",
        "train_byte_pairs",
        "train_sentencepiece",
        "train_wordpiece",
    ],
    "keras_attention.visualization": [
        "AttentionMap",
        "attention_of_prompt",
        "attention_of_sentence",
        "attention_of_text",
        "bleu_by_length",
        "encoder_scores",
        "merge_words",
        "plot_attention",
        "plot_attention_grid",
        "plot_confusion",
        "plot_lengths",
        "prompt_scores",
        "save_attention_grid",
        "save_attention_plot",
        "save_confusion_plot",
        "save_length_plot",
        "word_spans",
    ],
    "keras_attention.tasks": [
        "ClassifierConfig",
        "EmbeddingConfig",
        "LanguageModelConfig",
        "MaskedLMConfig",
        "Option",
        "TASKS",
        "Task",
        "TextClassifier",
        "TextEmbedder",
        "TextGenerator",
        "TextTranslator",
        "TranslatorConfig",
        "kind_of_model",
        "task_of",
    ],
    "keras_attention.artifacts": [
        "FORMATS",
        "PRECISIONS",
        "ParityError",
        "PrecisionError",
        "PrecisionWarning",
        "read_manifest",
    ],
}
# Base classes, which are never saved by themselves.
NEVER_SAVED = (
    "BaseAttention",
    "ClassifierHead",
    "Encoder",
    "EncoderHead",
    "LanguageModel",
    "Model",
    "OutputProjection",
    "TransformerBlock",
    "Translator",
    "enable_lora",
    "from_keras",
    "merge_lora",
    "to_keras",
)
SERIALISED = ("keras_attention.layers", "keras_attention.models")


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names(package):
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(PUBLIC[package])
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_class_and_function_is_documented(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, f"{package}.{name} has no docstring"


@pytest.mark.parametrize("package", SERIALISED)
def test_a_class_lives_in_the_file_of_its_name(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
        assert getattr(module, name).__module__ == f"{package}.{snake}"


def test_names_in_saved_files():
    """What a .keras file calls a class must never change: old files could not be read."""
    import keras

    for package in SERIALISED:
        module = importlib.import_module(package)
        for name in module.__all__:
            if name not in NEVER_SAVED:
                registered = keras.saving.get_registered_name(getattr(module, name))
                assert registered == f"keras_attention>{name}"
