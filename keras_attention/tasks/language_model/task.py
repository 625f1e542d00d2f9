"""The task of language models: texts that go on."""

import dataclasses
import time

from keras_attention._validation import InputError
from keras_attention.json_file import is_size
from keras_attention.search_options import GREEDY
from keras_attention.tasks.language_model.artifact_task import LanguageModelArtifacts
from keras_attention.tasks.language_model.options import (
    DECODING_NAMES,
    EVALUATE_OPTIONS,
    TRAIN_OPTIONS,
)
from keras_attention.tasks.training_parts import Initial, Plan, Rows

_CONTEXT = ("an integer of at least 2", lambda value: is_size(value) and value > 1)
_PROMPT = 40  # characters of a validation text that samples go on with, at most


class LanguageModelTask(LanguageModelArtifacts):
    """Language models: see `Task` for what each method is asked.

    The weights of the epoch with the lowest validation loss are kept.
    """

    kind = "language-model"
    method = "generate"
    imports = True
    train_help = "a language model, from texts"
    train_description = (
        "A .txt file is one document, a row of .jsonl, .csv or .tsv is one; optionally .gz; "
        "several are given as a directory or a pattern."
    )
    evaluate_help = "loss, perplexity and bits per byte of predicting texts"
    train_options = TRAIN_OPTIONS
    evaluate_options = EVALUATE_OPTIONS
    decoding_names = DECODING_NAMES
    no_attention = ("pair",)
    run_fields = {"max_sequence_length": _CONTEXT}
    checked_fields = described_fields = ("decoding",)

    # Training

    def config_class(self):
        from keras_attention.tasks.language_model.language_model_config import LanguageModelConfig

        return LanguageModelConfig

    def read_data(self, config, run):
        from keras_attention.tasks.language_model.training_documents import load_texts
        from keras_attention.tasks.language_model.training_tokens import TrainingTokens

        train, valid = load_texts(config, run.say)
        tokens = TrainingTokens({"train": train, "valid": valid}, run)
        return _TokenRows(train, valid, count=None, tokens=tokens)

    def read_initial(self, config, custom_objects=None):
        from keras_attention.tasks.language_model.initial_language_model import initial_model

        if config.initial_weights is None:
            return None
        return Initial(*initial_model(config, custom_objects))

    def load_tokenizer(self, directory):
        from keras_attention.text.tokenizers import load_language_model_tokenizer

        return load_language_model_tokenizer(directory)

    def make_tokenizer(self, config, rows, initial, say):
        from keras_attention.tasks.language_model.training_documents import texts_to_learn_from
        from keras_attention.text.tokenizers import language_model_tokenizer

        if initial is not None:
            return initial.tokenizer
        texts = texts_to_learn_from(rows.train)
        return language_model_tokenizer(config.tokenizer).train(texts, config.vocabulary_size)

    def make_batches(self, config, tokenizer, rows, say):
        from keras_attention.tasks.language_model.training import (
            make_batches,
            make_valid_batches,
        )

        rows.tokens.encode(tokenizer)
        train, valid = rows.tokens.streams
        return make_batches(config, train), make_valid_batches(config, valid)

    def make_model(self, config, tokenizer, initial):
        from keras_attention.tasks.language_model.training import make_model

        return make_model(config, tokenizer) if initial is None else initial.model

    def compile(self, model, config, total_steps):
        from keras_attention.tasks.language_model.training import compile_language_model

        compile_language_model(model, config, total_steps)

    def plan(self, run, model, tokenizer, rows, batches, valid_batches):
        from keras_attention.tasks.language_model.shown_samples import BitsPerByte, ShownSamples
        from keras_attention.tasks.language_model.training_documents import scored_bytes
        from keras_attention.training import BestCheckpoint

        config, (train, valid) = run.config, rows.tokens.streams
        generator = self.wrap(model, tokenizer, config.to_dict())
        prompt = config.sample_prompt
        if prompt is None:
            length = max(1, min(_PROMPT, config.max_sequence_length // 4))
            prompt = next(text for text, _ in rows.valid.parts() if text)[:length]
        selection = BestCheckpoint(
            run.output / "snapshots" / "best", final_epoch=config.epochs, run=run.id
        )
        units = BitsPerByte(valid.tokens - len(valid.begins), scored_bytes(tokenizer, valid))
        updates = "an epoch" if config.steps is None else "a round"
        return Plan(
            generator,
            f"{train.tokens:,} tokens to train on in {len(train.begins):,} documents, "
            f"{valid.tokens:,} to validate on, {tokenizer.vocabulary_size:,} tokens in the "
            f"vocabulary, {len(batches):,} updates {updates}",
            # Validation decides which epoch is kept.
            selection=selection,
            scores=[
                units,
                *([] if run.quiet else [ShownSamples(generator, prompt, run.say, config.seed)]),
            ],
            finish=lambda directory: run.say(f"validation: {units.sentence(selection.best()[1])}"),
        )

    # Runs

    def run_config(self, model, tokenizer, labels=None, **config):
        from keras_attention.models.language_model import require_language_model
        from keras_attention.search_options import SearchOptions, require_defaults

        require_language_model(type(model).__name__, model)
        self.refuse_labels(labels)
        decoding = config.pop("decoding", {})
        require_defaults("", decoding)
        return {
            "max_sequence_length": model.max_sequence_length,
            **config,
            "decoding": SearchOptions(**decoding).to_dict(),
            "kind": self.kind,
        }

    def run_options(self, path, config, seed=None, stop=(), **search):
        from keras_attention.search_options import decoding_of_run
        from keras_attention.tasks.language_model.stop_text import require_stop_texts

        options, seed = decoding_of_run(path, config, seed, **search)
        refuse_source_options(path, options)
        return options, seed, require_stop_texts(stop)

    def longest_text(self, model):
        return model.max_sequence_length

    def imported_config(self, model, longest=None):
        # What a tokenizer's files say of lengths is not of the model: positions count.
        return {"max_sequence_length": model.max_sequence_length}

    def require_fit(self, path, config, model, tokenizer):
        from keras_attention.models.language_model import require_language_model
        from keras_attention.text.tokenizers import require_language_model_tokenizer

        require_language_model(f"{path}/model.keras", model)
        require_language_model_tokenizer(tokenizer)
        # Published embeddings may have rows to spare, never too few.
        if tokenizer.vocabulary_size > model.vocabulary_size:
            raise InputError(
                f"{path}: the tokenizer has {tokenizer.vocabulary_size:,} tokens and the model "
                f"{model.vocabulary_size:,}; they do not belong together."
            )
        if config["max_sequence_length"] > model.max_sequence_length:
            raise InputError(
                f"{path}/config.json: `max_sequence_length` must be at most "
                f"{model.max_sequence_length:,}, as the model's. "
                f"Received: {config['max_sequence_length']:,}"
            )

    def describe_answers(self, config):
        decoding = config.get("decoding")
        if decoding:
            yield "decoding: " + ", ".join(f"{name} {value}" for name, value in decoding.items())

    def wrap(self, model, tokenizer, config, options=None):
        from keras_attention.tasks.language_model.keras_generator import keras_generator

        forbid_spare_ids(model, tokenizer)
        return keras_generator(model, tokenizer, *(options or (GREEDY, 0, ())))

    # Pictures

    def attention(self, user, text, pair=None, kind=None, layer=None, head=None):
        from keras_attention.visualization import attention_of_prompt

        if kind not in (None, "decoder"):
            raise InputError(
                f"A language model has a decoder alone: it has no {kind} attention; it has only "
                "decoder."
            )
        return attention_of_prompt(user.model, user.tokenizer, text, layer, head)

    def attention_grid(self, user, text, pair=None):
        from keras_attention.visualization import prompt_scores

        return prompt_scores(user.model, user.tokenizer, text)

    # Evaluation

    def read_evaluation(self, data, text_column="text", max_sequence_length=None):
        from keras_attention._validation import require_positive_integer
        from keras_attention.tasks.language_model.training_documents import read_texts

        if max_sequence_length is not None:
            require_positive_integer("max_sequence_length", max_sequence_length)
        return _Evaluation(read_texts(data, text_column), max_sequence_length)

    def evaluate(self, user, data):
        from keras_attention.tasks.language_model.bundle_generator import refuse_bundle
        from keras_attention.tasks.language_model.language_model_scores import (
            language_model_scores,
        )

        refuse_bundle(user)
        if data.context is not None and data.context > user.context:
            raise InputError(
                f"`max_sequence_length` must be at most {user.context:,}, which the model reads. "
                f"Received: {data.context:,}"
            )
        started = time.perf_counter()
        scores = language_model_scores(user, data.texts, data.context)
        return {**scores, "seconds": time.perf_counter() - started}


def forbid_spare_ids(model, tokenizer):
    """Forbids the ids of a model that its tokenizer does not have, but for those of an end.

    Published embeddings may have rows to spare, which stand for no token.
    """
    spare = range(tokenizer.vocabulary_size, model.vocabulary_size)
    forbidden = {*model.forbidden_ids, *spare} - {*model.special_ids.ends}
    model.forbidden_ids = (*model.forbidden_ids, *sorted(forbidden - {*model.forbidden_ids}))


def refuse_source_options(path, options):
    """Raises `InputError` for options of decoding that a model without a source has no use for.

    Args:
        path: of the model.
        options: `SearchOptions` or `SamplingOptions`.
    """
    values = options.to_dict()
    given = [name for name in ("coverage_penalty", "shortlist") if values.get(name)]
    if given:
        raise InputError(
            f"{path} is a language model, which translates no source: `{given[0]}` does not "
            "concern it."
        )


@dataclasses.dataclass
class _TokenRows(Rows):
    """The texts of a training, and their tokens as soon as there is a tokenizer."""

    tokens: object = None  # `TrainingTokens`

    @property
    def save(self):
        return self.tokens.keep


@dataclasses.dataclass
class _Evaluation:
    texts: object  # `Texts`
    context: int | None


TASK = LanguageModelTask()
