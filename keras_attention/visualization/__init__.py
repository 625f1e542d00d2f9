"""Pictures of models: attention scores, BLEU by length, confusion matrices."""

from keras_attention.visualization.attention_plot import (
    AttentionMap,
    attention_of_sentence,
    merge_words,
    plot_attention,
    save_attention_plot,
    word_spans,
)
from keras_attention.visualization.confusion_plot import plot_confusion, save_confusion_plot
from keras_attention.visualization.encoder_attention import (
    attention_of_text,
    encoder_scores,
    plot_attention_grid,
    save_attention_grid,
)
from keras_attention.visualization.language_model_attention import (
    attention_of_prompt,
    prompt_scores,
)
from keras_attention.visualization.length_plot import (
    bleu_by_length,
    plot_lengths,
    save_length_plot,
)

__all__ = [
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
]
