"""The task of masked language models: pretraining of an encoder by masked tokens."""

import dataclasses
import time

from keras_attention._validation import InputError
from keras_attention.tasks.ids_task import IdsTask
from keras_attention.tasks.masked_lm.options import EVALUATE_OPTIONS, TRAIN_OPTIONS
from keras_attention.tasks.training_parts import Initial, Plan, Rows


class MaskedLMTask(IdsTask):
    """Masked language models: see `Task` for what each method is asked.

    Every epoch masks other tokens of the training texts. Those of the validation texts are chosen
    once. The weights of the last epoch are kept: longer pretraining makes a better start for
    fine-tuning, even after the validation loss has stopped falling (docs/lab-notes.md, "Masked-LM
    pretraining").
    """

    kind = "masked-lm"
    trains = True
    train_help = "an encoder, from texts without labels"
    train_description = (
        "Files are plain text, a text a line, or .csv, .tsv or .jsonl; optionally .gz; several are "
        "given as a directory or a pattern."
    )
    evaluate_help = "loss and accuracy of predicting masked tokens"
    train_options = TRAIN_OPTIONS
    evaluate_options = EVALUATE_OPTIONS

    # Training

    def config_class(self):
        from keras_attention.tasks.masked_lm.masked_lm_config import MaskedLMConfig

        return MaskedLMConfig

    def read_data(self, config, run):
        from keras_attention.tasks.masked_lm.pretraining_texts import load_texts, stream_texts

        if config.window is not None:
            corpus, valid = stream_texts(config, run)
            return Rows(None, valid, corpus.rows, corpus)
        train, valid = load_texts(config, run.say)
        return Rows(train, valid, len(train))

    def read_initial(self, config, custom_objects=None):
        from keras_attention.tasks.initial_encoder import initial_masked_lm

        if config.initial_weights is None:
            return None
        return initial_masked_lm(config, custom_objects)

    def read_teacher(self, config, custom_objects=None):
        from keras_attention.tasks.distillation import read_teacher

        return read_teacher(self.kind, config, custom_objects)

    def new_student(self, config, teacher, say):
        from keras_attention.models import MaskedLM
        from keras_attention.tasks.distillation import begin_head, new_encoder

        encoder, head = new_encoder(config, teacher, say)
        model = MaskedLM(encoder)
        begin_head(model, head)
        return Initial(model, teacher.tokenizer)

    def training_texts(self, rows):
        return rows.train or rows.corpus.sample[0]

    def make_batches(self, config, tokenizer, rows, say):
        from keras_attention.tasks.masked_lm.training import (
            make_batches,
            require_masked,
            stream_batches,
        )

        if rows.corpus is None:
            batches, cut = make_batches(config, tokenizer, rows.train, config.seed)
        else:
            batches, cut = stream_batches(config, tokenizer, rows.corpus)
        valid_batches, valid_cut = make_batches(config, tokenizer, rows.valid)
        require_masked(batches, "the training texts")
        require_masked(valid_batches, "the validation texts")
        self.say_cut(config, cut + valid_cut, rows.count + len(rows.valid), say)
        return batches, valid_batches

    def make_model(self, config, tokenizer, initial):
        from keras_attention.tasks.masked_lm.training import make_model

        if initial is not None:
            return initial.model
        return make_model(config, tokenizer.vocabulary_size)

    def compile(self, model, config, total_steps):
        from keras_attention.tasks.masked_lm.training import compile_masked_lm

        compile_masked_lm(model, config, total_steps)

    def plan(self, run, model, tokenizer, rows, batches, valid_batches):
        from keras_attention.tasks.masked_lm.training import most_frequent_rate

        return Plan(
            self.wrap(model, tokenizer, run.config.to_dict()),
            f"{rows.count:,} texts, {tokenizer.vocabulary_size:,} tokens in the vocabulary, "
            f"{len(batches)} updates an epoch, {batches.padding:.0%} padding; guessing the most "
            f"frequent token is right for {most_frequent_rate(valid_batches):.1%}",
        )

    # Runs

    def require_fit(self, path, config, model, tokenizer):
        super().require_fit(path, config, model, tokenizer)
        width, size = self.shapes(model)[self.output][-1], tokenizer.vocabulary_size
        if width is None or width < size:  # published matrices may have rows to spare
            raise InputError(
                f"{path}/model.keras: expected logits for the {size:,} tokens of the tokenizer. "
                f"Received: a {type(model).__name__} with {width} logits a token"
            )

    # Evaluation

    def read_evaluation(
        self, data, text_column="text", masked_share=0.15, whole_words=True, mask_seed=0
    ):
        from keras_attention._validation import require, require_seed
        from keras_attention.text.corpora.labelled_texts import read_texts
        from keras_attention.text.corpora.tabular_files import tabular_format

        if text_column != "text" and tabular_format(data) is None:
            raise InputError(f"{data} has a text a line; `text_column` concerns tables.")
        require(
            0 < masked_share < 1,
            "masked_share",
            "a number between 0 and 1",
            masked_share=masked_share,
        )
        require_seed("mask_seed", mask_seed)
        return _Evaluation(read_texts(data, text_column), masked_share, whole_words, mask_seed)

    def evaluate(self, user, data):
        from keras_attention.tasks.masked_lm.masked_lm_scores import masked_lm_scores

        started = time.perf_counter()
        scores = masked_lm_scores(user, data.texts, data.masked_share, data.whole_words, data.seed)
        return {**scores, "texts": len(data.texts), "seconds": time.perf_counter() - started}


@dataclasses.dataclass
class _Evaluation:
    texts: list
    masked_share: float
    whole_words: bool
    seed: int


TASK = MaskedLMTask()
