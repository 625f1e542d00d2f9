"""BLEU and chrF by sacrebleu, with their signatures, after and during training."""

import logging

import keras

from keras_attention._validation import require

# sacrebleu's other tokenizers download a model or need packages of their own.
BLEU_TOKENIZERS = ("13a", "none", "intl", "zh", "char")


def require_bleu_tokenizer(name, value):
    """Raises `ValueError` unless `value`, the argument `name`, is one of `BLEU_TOKENIZERS`."""
    require(value in BLEU_TOKENIZERS, name, f"one of {BLEU_TOKENIZERS}", **{name: value})


def translation_scores(hypotheses, references, tokenize="13a", lowercase=False):
    """Corpus BLEU and chrF.

    Args:
        hypotheses: list of N strings.
        references: list of N strings.
        tokenize: sacrebleu's tokenizer, one of `BLEU_TOKENIZERS`: "13a" for plain text, "none" for
            tokenised text.
        lowercase: whether case is ignored.

    Returns:
        `{"bleu", "chrf", "bleu_signature", "chrf_signature"}`.

    Raises:
        ValueError: if the lists differ in length, or the tokenizer is unknown.

    >>> round(translation_scores(["a small house it is"], ["a small house it is"])["bleu"], 1)
    100.0
    """
    # Imported here: a training without these scores does not need it.
    from sacrebleu.metrics import BLEU, CHRF

    require(
        len(hypotheses) == len(references),
        "hypotheses",
        "as many as `references`",
        hypotheses=len(hypotheses),
        references=len(references),
    )
    require_bleu_tokenizer("tokenize", tokenize)
    # sacrebleu warns that tokenised text looks tokenised, which is what `tokenize="none"` says.
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    bleu = BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
    chrf = CHRF(lowercase=lowercase)
    return {
        "bleu": bleu.corpus_score(hypotheses, [references]).score,
        "chrf": chrf.corpus_score(hypotheses, [references]).score,
        "bleu_signature": str(bleu.get_signature()),
        "chrf_signature": str(chrf.get_signature()),
    }


class TranslationScores(keras.callbacks.Callback):
    """Adds `val_bleu` and `val_chrf` to the logs at the end of an epoch.

    Put it before callbacks that read the logs (CSVLogger, TensorBoard, EarlyStopping).

    Args:
        translate: function from a list of strings to a list of strings.
        sources: list of N strings.
        references: list of N strings.
        tokenize: see `translation_scores`.
        lowercase: see `translation_scores`.
        every: number of epochs between reports. The last epoch always reports.
    """

    def __init__(self, translate, sources, references, tokenize="13a", lowercase=False, every=1):
        super().__init__()
        require_bleu_tokenizer("tokenize", tokenize)
        self.translate = translate
        self.sources = sources
        self.references = references
        self.tokenize = tokenize
        self.lowercase = lowercase
        self.every = every

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs")
        if (epoch + 1) % self.every and not last:
            # The same columns in every row, or CSVLogger would drop them.
            scores = {"bleu": float("nan"), "chrf": float("nan")}
        else:
            scores = translation_scores(
                self.translate(self.sources), self.references, self.tokenize, self.lowercase
            )
        if logs is not None:
            logs["val_bleu"] = scores["bleu"]
            logs["val_chrf"] = scores["chrf"]
