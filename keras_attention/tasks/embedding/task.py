"""The task of sentence vectors: texts to vectors whose cosine says how alike they are."""

from keras_attention._validation import InputError
from keras_attention.json_file import is_boolean, is_size
from keras_attention.tasks.embedding.options import (
    EVALUATE_OPTIONS,
    EXPORT_OPTIONS,
    TRAIN_OPTIONS,
)
from keras_attention.tasks.embedding.text_embedder import OUTPUT
from keras_attention.tasks.encoder_task import EncoderTask, output_shapes, require_named_output
from keras_attention.tasks.graph import Graph
from keras_attention.tasks.training_parts import Plan, Rows

_LENGTH = ("an integer of at least 3", lambda value: is_size(value) and value > 2)


class EmbeddingTask(EncoderTask):
    """Sentence vectors: see `Task` for what each method is asked."""

    kind = "embedding"
    method = "embed"
    trains = True
    train_help = "sentence vectors, from pairs of texts that belong together"
    train_description = (
        "Files are .csv, .tsv or .jsonl, optionally .gz, with two texts a row. The other pairs of "
        "a batch are the negatives of a pair (multiple-negatives ranking)."
    )
    evaluate_help = "recall@1 on pairs of texts, and Spearman's correlation with scores"
    train_options = TRAIN_OPTIONS
    export_options = EXPORT_OPTIONS
    evaluate_options = EVALUATE_OPTIONS
    example_options = ("valid",)
    example_classes = ("LabelledTexts",)
    run_fields = {"max_sequence_length": _LENGTH}
    manifest_fields = {
        "max_length": _LENGTH,
        "dimension": ("a positive integer", is_size),
        "normalized": ("true or false", is_boolean),
    }

    # Training

    def config_class(self):
        from keras_attention.tasks.embedding.embedding_config import EmbeddingConfig

        return EmbeddingConfig

    def read_data(self, config, run):
        from keras_attention.tasks.embedding.embedding_examples import load_pairs

        train, valid = load_pairs(config, run.say)
        return Rows(train, valid, len(train))

    def read_initial(self, config, custom_objects=None):
        from keras_attention.tasks.initial_encoder import initial_sentence_encoder

        if config.initial_weights is None:
            config.pooling = config.pooling or "mean"
            return None
        initial = initial_sentence_encoder(config, custom_objects)
        config.pooling = initial.model.pooling
        return initial

    def training_texts(self, rows):
        return [*rows.train.texts, *rows.train.pairs]

    def make_batches(self, config, tokenizer, rows, say):
        from keras_attention.tasks.embedding.training import make_batches

        batches, cut = make_batches(config, tokenizer, rows.train, config.seed)
        valid_batches, valid_cut = make_batches(config, tokenizer, rows.valid)
        self.say_cut(config, cut + valid_cut, 2 * (len(rows.train) + len(rows.valid)), say)
        return batches, valid_batches

    def make_model(self, config, tokenizer, initial):
        from keras_attention.tasks.embedding.training import make_sentence_encoder

        if initial is not None:
            return initial.model
        return make_sentence_encoder(config, tokenizer.vocabulary_size)

    def compile(self, model, config, total_steps):
        from keras_attention.tasks.embedding.training import compile_sentence_encoder

        compile_sentence_encoder(model, config, total_steps)

    def plan(self, run, model, tokenizer, rows, batches, valid_batches):
        from keras_attention.tasks.embedding.training import write_scores
        from keras_attention.training import BestCheckpoint

        embedder = self.wrap(model, tokenizer, run.config.to_dict())
        return Plan(
            embedder,
            f"{rows.count:,} pairs of texts, {tokenizer.vocabulary_size:,} tokens in the "
            f"vocabulary, {len(batches)} updates an epoch, {batches.padding:.0%} padding",
            # Validation decides which epoch is kept.
            selection=BestCheckpoint(
                run.output / "snapshots" / "best", final_epoch=run.config.epochs, run=run.id
            ),
            finish=lambda directory: run.say(
                f"validation: {write_scores(directory, embedder, rows.valid)}"
            ),
        )

    # Runs

    def longest_text(self, model):
        from keras_attention.models import SentenceEncoder

        if isinstance(model, SentenceEncoder):
            return model.max_sequence_length
        return super().longest_text(model)

    def require_fit(self, path, config, model, tokenizer):
        super().require_fit(path, config, model, tokenizer)
        shape = output_shapes(model)
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[-1] is None:
            raise InputError(
                f"{path}/model.keras: expected a sentence encoder, whose output is vectors (B, D). "
                f"Received: a {type(model).__name__} whose output is {shape}"
            )

    def wrap(self, model, tokenizer, config, options=None):
        from keras_attention.tasks.embedding.text_embedder import keras_embedder

        return keras_embedder(model, tokenizer, config["max_sequence_length"])

    # Artifacts

    def require_manifest(self, path, manifest):
        require_named_output(path, manifest, OUTPUT)
        _, shape = manifest["signatures"]["ids"]["outputs"][OUTPUT]
        if shape[-1:] != [manifest["dimension"]]:
            raise InputError(
                f"{path}: `dimension` is {manifest['dimension']}, which is not the last size of "
                f"the output {OUTPUT} of the signature `ids`."
            )

    def open(self, directory, runtime, manifest, options=None):
        from keras_attention.tasks.embedding.text_embedder import artifact_embedder

        return artifact_embedder(directory, runtime, manifest)

    def examples(self, config, precision, say, valid=None):
        from keras_attention.tasks.embedding.embedding_examples import texts_to_compare_on

        return texts_to_compare_on(config, valid)

    def graph(self, user):
        from keras_attention.artifacts.formats import FORMATS
        from keras_attention.models import SentenceEncoder
        from keras_attention.tasks.embedding import graph_functions

        tokenizer, model = user.tokenizer, user.model
        ids = graph_functions.ids_function(model, tokenizer.padding_id)
        in_graph = tokenizer.in_graph()
        return Graph(
            ids,
            graph_functions.text_function(ids, in_graph, user.max_length),
            {"tokenizer": in_graph},
            graph_functions.signatures(user.dimension, FORMATS),
            {
                "dimension": user.dimension,
                "normalized": isinstance(model, SentenceEncoder) and model.normalize,
                "max_length": user.max_length,
                "special_ids": tokenizer.special_ids.to_dict(),
            },
        )

    def comparison(self, user, examples):
        from keras_attention.tasks.embedding.embedding_comparison import EmbeddingComparison
        from keras_attention.tasks.embedding.embedding_examples import texts_of_examples

        return EmbeddingComparison(user, texts_of_examples(examples))

    def describe(self, manifest):
        length = " of length 1" if manifest["normalized"] else ""
        yield f"gives each text a vector{length} of {manifest['dimension']} numbers"
        yield f"reads texts of at most {manifest['max_length']} tokens"

    # Evaluation

    def read_evaluation(self, data, text_column=None, pair_column=None, score_column=None):
        from keras_attention.text.corpora.text_pairs import read_pairs

        return read_pairs(data, text_column, pair_column, score_column)

    def evaluate(self, user, data):
        from keras_attention.tasks.embedding.evaluation import evaluate

        return evaluate(user, data)


TASK = EmbeddingTask()
