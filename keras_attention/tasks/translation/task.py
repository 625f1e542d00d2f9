"""The task of translators: one text into another."""

import dataclasses
import time

from keras_attention._validation import InputError, require
from keras_attention.search_options import GREEDY
from keras_attention.tasks.task import Task
from keras_attention.tasks.training_parts import Initial, Plan, Rows
from keras_attention.tasks.translation.options import (
    DECODING_NAMES,
    EVALUATE_OPTIONS,
    EXPORT_OPTIONS,
    SEARCH_OPTIONS,
    TRAIN_OPTIONS,
)


class TranslationTask(Task):
    """Translators: see `Task` for what each method is asked."""

    kind = "translator"
    unit = "sentences"
    method = "translate"
    xla_valid_shapes = 2
    train_help = "a translator, from parallel files or the built-in corpus"
    train_description = "Without files, the built-in corpus of English and German phrases is used."
    evaluate_help = "BLEU and chrF"
    train_options = TRAIN_OPTIONS
    export_options = EXPORT_OPTIONS
    evaluate_options = EVALUATE_OPTIONS
    decoding_names = DECODING_NAMES
    example_options = ("valid_source", "valid_target")
    example_classes = ("Sentences",)
    no_attention = ("pair", "grid")
    checked_fields = described_fields = ("decoding",)
    manifest_fields = {"decoding": ("an object", lambda value: isinstance(value, dict))}

    # Training

    def config_class(self):
        from keras_attention.tasks.translation.translator_config import TranslatorConfig

        return TranslatorConfig

    def config_fields(self, options):
        # The config keeps what says how to decode together.
        names = {option.name for option in SEARCH_OPTIONS} & options.keys()
        others = {name: value for name, value in options.items() if name not in names}
        return {**others, "decoding": {name: options[name] for name in sorted(names)}}

    def read_data(self, config, run):
        from keras_attention.tasks.translation.sentence_pairs import load_pairs, stream_pairs

        if config.window is not None:
            corpus, valid = stream_pairs(config, run)
            return Rows(None, valid, corpus.rows, corpus)
        train, valid = load_pairs(config, run.say)
        return Rows(train, valid, len(train[0]))

    def read_initial(self, config, custom_objects=None):
        from keras_attention.tasks.load import load_run
        from keras_attention.tasks.translation.training import continued_model

        if config.initial_weights is None:
            return None
        user = load_run(config.initial_weights, kind=self.kind, custom_objects=custom_objects)
        return Initial(continued_model(user.model, config, custom_objects), user.tokenizer)

    def load_tokenizer(self, directory):
        from keras_attention.text.tokenizers.translation_tokenizer import TranslationTokenizer

        return TranslationTokenizer.load(directory)

    def make_tokenizer(self, config, rows, initial, say):
        from keras_attention.tasks.translation.training import train_tokenizer

        pairs = rows.train or rows.corpus.sample
        if initial is not None:
            tokenizer = initial.tokenizer
        else:
            tokenizer = train_tokenizer(config, pairs, say)
        if config.shortlist is None:
            return tokenizer
        source, target = tokenizer.source, tokenizer.target
        ids = source.encode_all(pairs[0]), target.encode_all(pairs[1])
        return tokenizer.with_shortlist(*ids, config.shortlist)

    def make_batches(self, config, tokenizer, rows, say):
        from keras_attention.tasks.translation.training import make_batches, stream_batches

        if rows.corpus is None:
            batches = make_batches(config, tokenizer, rows.train, config.seed, say)
        else:
            batches = stream_batches(config, tokenizer, rows.corpus)
        valid_batches = make_batches(config, tokenizer, rows.valid)
        if batches.dropped:
            say(
                f"{batches.dropped:,} pairs longer than {config.max_sequence_length} tokens left "
                "out."
            )
        return batches, valid_batches

    def make_model(self, config, tokenizer, initial):
        from keras_attention.tasks.translation.training import make_model

        if initial is not None:
            return initial.model
        size = tokenizer.target.vocabulary_size
        return make_model(config, size, special_ids=tokenizer.special_ids)

    def compile(self, model, config, total_steps):
        from keras_attention.tasks.translation.training import compile_translator

        compile_translator(model, config, total_steps)

    def plan(self, run, model, tokenizer, rows, batches, valid_batches):
        from keras_attention.tasks.translation.sentence_pairs import SCORED_SENTENCES
        from keras_attention.training import AverageCheckpoints, TranslationScores

        config = run.config
        translator = self.wrap(model, tokenizer, {})  # while it trains it translates greedily
        folder = run.output / "snapshots" / "averaging"
        scored = tuple(side[:SCORED_SENTENCES] for side in rows.valid)
        return Plan(
            translator,
            f"{rows.count:,} pairs, {tokenizer.target.vocabulary_size:,} tokens in the vocabulary, "
            f"{len(batches)} updates an epoch, {batches.padding:.0%} padding",
            AverageCheckpoints(folder, config.average_checkpoints, config.epochs, run.id),
            scores=[
                TranslationScores(translator.translate, *scored, tokenize=config.bleu_tokenize)
            ],
        )

    # Runs

    def run_config(self, model, tokenizer, labels=None, **config):
        from keras_attention.models.translator import require_translator
        from keras_attention.search_options import SearchOptions, require_defaults

        require_translator(type(model).__name__, model)
        self.refuse_labels(labels)
        decoding = config.pop("decoding", {})
        require_defaults("", decoding)
        decoding = SearchOptions(**decoding).to_dict()
        return {
            "max_sequence_length": model.max_sequence_length,
            **config,
            "decoding": decoding,
            "kind": self.kind,
        }

    def run_options(self, path, config, seed=None, **search):
        from keras_attention.search_options import decoding_of_run

        return decoding_of_run(path, config, seed, **search)

    def longest_text(self, model):
        return model.max_sequence_length

    def require_fit(self, path, config, model, tokenizer):
        from keras_attention.models.translator import require_translator
        from keras_attention.text import TranslationTokenizer

        require_translator(f"{path}/model.keras", model)
        require(
            isinstance(tokenizer, TranslationTokenizer),
            "tokenizer",
            "a TranslationTokenizer",
            tokenizer=type(tokenizer).__name__,
        )
        tokenizer.require_fit(path, model)

    def wrap(self, model, tokenizer, config, options=None):
        from keras_attention.tasks.translation.text_translator import keras_translator

        search, seed = options or (GREEDY, 0)
        return keras_translator(model, tokenizer, search, seed)

    # Artifacts

    def require_manifest(self, path, manifest):
        from keras_attention.tasks.translation.text_translator import require_decoding

        require_decoding(f"{path}, decoding", manifest["decoding"])

    def artifact_options(self, path, manifest, seed=None, **search):
        from keras_attention.search_options import decoding_of_artifact

        return decoding_of_artifact(path, manifest["decoding"], seed, **search)

    def artifact_tokenizer(self, tokenizer):
        return tokenizer.without_shortlist()  # the graph holds it

    def open(self, directory, runtime, manifest, options=None):
        from keras_attention.tasks.translation.text_translator import artifact_translator

        if options is None and manifest["decoding"]["method"] == "sampling":
            options = 0
        return artifact_translator(directory, runtime, manifest, options)

    def examples(self, config, precision, say, valid_source=None, valid_target=None):
        from keras_attention.tasks.translation.translation_comparison import (
            sentences_to_compare_on,
        )

        return sentences_to_compare_on(config, precision, valid_source, valid_target)

    def require_export(
        self, user, precision, with_alignments=False, single_loop=False, without_scores=False
    ):
        from keras_attention.models.translator import require_alignments

        if with_alignments:
            require_alignments("with_alignments", user.model)
        require(
            user.search.is_greedy or not without_scores,
            "without_scores",
            "False for a beam, which compares scores, and for samples",
            without_scores=without_scores,
        )
        if user.search.to_dict().get("coverage_penalty"):
            require_alignments("coverage_penalty", user.model)
        # What a precision may lose is bounded in BLEU, and samples lose more of it by chance than
        # by rounding.
        if precision != "float32" and user.search.is_sampling:
            raise InputError(
                f"Sampling is exported in float32 only, not in {precision}: what a precision loses "
                "is measured in BLEU, which says nothing of samples."
            )

    def graph(self, user, **options):
        from keras_attention.tasks.translation.graph_functions import translator_graph

        return translator_graph(user.model, user.tokenizer, user.search, **options)

    def comparison(self, user, examples):
        from keras_attention.tasks.translation.translation_comparison import TranslationComparison

        return TranslationComparison(user, examples)

    def describe(self, manifest):
        yield from self.describe_answers(manifest)

    def describe_answers(self, config):
        decoding = config.get("decoding")
        if decoding:
            yield "decoding: " + ", ".join(f"{name} {value}" for name, value in decoding.items())

    # Pictures

    def attention(self, user, text, pair=None, kind=None, layer=None, head=None):
        from keras_attention.visualization import attention_of_sentence

        return attention_of_sentence(user, text, kind or "cross", layer, head)

    # Evaluation

    def read_evaluation(self, source, reference, tokenize="13a", lowercase=False):
        from keras_attention.text.corpora.text_files import read_parallel
        from keras_attention.training.translation_scores import require_bleu_tokenizer

        require_bleu_tokenizer("tokenize", tokenize)  # before any work
        return _Evaluation(*read_parallel(source, reference), tokenize, bool(lowercase))

    def evaluate(self, user, data):
        from keras_attention.training.translation_scores import translation_scores

        started = time.perf_counter()
        translations = user.translate(data.sources)
        seconds = time.perf_counter() - started
        scores = translation_scores(translations, data.references, data.tokenize, data.lowercase)
        same = sum(a == b for a, b in zip(translations, data.references, strict=True))
        return {
            **scores,
            "exact_match": same / len(data.references),
            "sentences": len(data.sources),
            "unknown_tokens": user.unknown.count,
            "seconds": seconds,
        }


@dataclasses.dataclass
class _Evaluation:
    sources: list
    references: list
    tokenize: str
    lowercase: bool


TASK = TranslationTask()
