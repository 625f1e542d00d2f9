"""The task of classifiers: texts, or pairs of texts, to labels."""

import dataclasses

from keras_attention._validation import InputError, truncation_is_known
from keras_attention.json_file import NAMES, is_boolean, is_size
from keras_attention.problem_types import REGRESSION, SINGLE_LABEL, output_name
from keras_attention.tasks.classification.options import (
    EVALUATE_OPTIONS,
    EXPORT_OPTIONS,
    TRAIN_OPTIONS,
)
from keras_attention.tasks.classification.stated_problem_type import (
    describe_problem_type,
    problem_type_field,
    require_same,
    stated_problem_type,
)
from keras_attention.tasks.encoder_task import (
    EncoderTask,
    labels_of_model,
    output_shapes,
    require_named_output,
    require_one_a_class,
)
from keras_attention.tasks.graph import Graph
from keras_attention.tasks.training_parts import Initial, Plan, Rows

RUN_FIELDS = {
    "labels": NAMES,
    "max_sequence_length": ("an integer of at least 3", lambda value: is_size(value) and value > 2),
    "pair_column": ("a name or null", lambda value: value is None or isinstance(value, str)),
}


class ClassificationTask(EncoderTask):
    """Classifiers: see `Task` for what each method is asked."""

    kind = "classifier"
    method = "classify"
    train_help = "a classifier of texts, or of pairs of texts, from labelled ones"
    train_description = "Files are .csv, .tsv or .jsonl, optionally .gz."
    evaluate_help = "accuracy and F1, or what suits several labels and regressions"
    trains = True
    train_options = TRAIN_OPTIONS
    export_options = EXPORT_OPTIONS
    evaluate_options = EVALUATE_OPTIONS
    example_options = ("valid",)
    example_classes = ("LabelledTexts",)
    run_fields = RUN_FIELDS
    further_fields = (*EncoderTask.further_fields, "problem_type")
    checked_fields = ("problem_type",)
    described_fields = ("labels",)
    manifest_fields = {
        "labels": NAMES,
        "takes_pairs": ("true or false", is_boolean),
        "max_length": ("an integer of at least 3", lambda value: is_size(value) and value >= 3),
    }

    # Training

    def config_class(self):
        from keras_attention.tasks.classification.classifier_config import ClassifierConfig

        return ClassifierConfig

    def read_data(self, config, run):
        from keras_attention.tasks.classification.labelled_examples import load_examples
        from keras_attention.tasks.distillation import require_known_labels
        from keras_attention.text.corpora.label_values import class_names, label_targets

        train, valid = load_examples(config, run.say)
        kind = config.problem_type
        if config.labels is None:
            config.labels = class_names(train, kind, config.label_column)
        elif config.teacher is not None and kind != REGRESSION:
            require_known_labels(config, class_names(train, kind, config.label_column))
        rows = [_Labelled(d, label_targets(d, config.labels, kind)) for d in (train, valid)]
        return Rows(*rows, len(train))

    def read_teacher(self, config, custom_objects=None):
        from keras_attention.tasks.distillation import read_teacher, require_labels

        teacher = read_teacher(self.kind, config, custom_objects)
        if teacher is not None:
            require_labels(config, teacher)
        return teacher

    def new_student(self, config, teacher, say):
        from keras_attention.tasks.distillation import new_encoder, pooling_of

        if config.is_lesson:
            return Initial(None, teacher.tokenizer)
        encoder, head = new_encoder(config, teacher, say)
        if config.pooling is None:
            config.pooling = pooling_of(teacher.model, encoder)
        return Initial(encoder, teacher.tokenizer, head)

    def read_initial(self, config, custom_objects=None):
        from keras_attention.tasks.classification.classifier_config import POOLINGS
        from keras_attention.tasks.initial_encoder import initial_encoder

        if config.initial_weights is None:
            return None
        initial = initial_encoder(config, custom_objects)
        if config.pair_column is not None and not initial.model.takes_pairs:
            raise InputError(
                "`pair_column` needs an encoder of two segments or more; "
                f"{config.initial_weights} has {initial.model.num_segments}."
            )
        # A family's own is taken where the source declares none, or one that no classifier has.
        if config.pooling is None and initial.pooling in POOLINGS:
            config.pooling = initial.pooling
        return initial

    def training_texts(self, rows):
        data = rows.train.data
        return [*data.texts, *(data.pairs or ())]

    def make_batches(self, config, tokenizer, rows, say):
        from keras_attention.tasks.classification.training import class_weights, make_batches

        train, valid = rows.train, rows.valid
        weights = class_weights(config, train.targets)
        batches, cut = make_batches(
            config, tokenizer, train.data, train.targets, config.seed, weights, say
        )
        valid_batches, valid_cut = make_batches(config, tokenizer, valid.data, valid.targets)
        self.say_cut(config, cut + valid_cut, len(train.data) + len(valid.data), say)
        return batches, valid_batches

    def make_model(self, config, tokenizer, initial):
        from keras_attention.tasks.classification.training import make_classifier
        from keras_attention.tasks.distillation import begin_head

        encoder = None if initial is None else initial.model
        model = make_classifier(config, encoder, tokenizer.vocabulary_size, len(config.labels))
        if initial is not None:
            begin_head(model, initial.head)
        return model

    def compile(self, model, config, total_steps):
        from keras_attention.tasks.classification.training import compile_classifier

        compile_classifier(model, config, total_steps)

    def plan(self, run, model, tokenizer, rows, batches, valid_batches):
        from keras_attention.tasks.classification.evaluation import write_scores
        from keras_attention.training import BestCheckpoint

        config, valid = run.config, rows.valid
        names, kind = config.labels, config.problem_type
        classifier = self.wrap(model, tokenizer, config.to_dict())

        def finish(directory):
            with truncation_is_known():  # it has been said
                found = classifier.scores(valid.data.texts, valid.data.pairs)
            run.say(f"validation: {write_scores(directory, kind, valid.targets, found, names)}")

        has_accuracy = kind == SINGLE_LABEL
        return Plan(
            classifier,
            f"{rows.count:,} texts of {len(names)} labels, {tokenizer.vocabulary_size:,} tokens in "
            f"the vocabulary, {len(batches)} updates an epoch, {batches.padding:.0%} padding",
            # Validation decides which epoch is kept.
            selection=BestCheckpoint(
                run.output / "snapshots" / "best",
                monitor="val_accuracy" if has_accuracy else "val_loss",
                mode="max" if has_accuracy else "min",
                patience=config.patience,
                final_epoch=config.epochs,
                run=run.id,
            ),
            finish=finish,
        )

    # Runs

    def run_config(self, model, tokenizer, labels=None, **config):
        own = labels_of_model(model, labels)
        stated = problem_type_field(model, len(own), config.get("problem_type"))
        config = {"pair_column": None, **stated, **config}
        return super().run_config(model, tokenizer, own, **config)

    def describe_config(self, config):
        yield from super().describe_config(config)
        yield from describe_problem_type(config)

    def require_fit(self, path, config, model, tokenizer):
        super().require_fit(path, config, model, tokenizer)
        shape = output_shapes(model)
        if not isinstance(shape, tuple) or len(shape) != 2:
            raise InputError(
                f"{path}/model.keras: expected a classifier, whose output is logits (B, C). "
                f"Received: a {type(model).__name__} whose output is {shape}"
            )
        require_one_a_class(path, config["labels"], shape)
        require_same(f"{path}/config.json", config, model)

    def wrap(self, model, tokenizer, config, options=None):
        from keras_attention.tasks.classification.text_classifier import keras_classifier

        labels, length = config["labels"], config["max_sequence_length"]
        takes_pairs, problem_type = config["pair_column"] is not None, config.get("problem_type")
        return keras_classifier(model, tokenizer, labels, length, takes_pairs, problem_type)

    # Artifacts

    def require_manifest(self, path, manifest):
        output = output_name(stated_problem_type(path, manifest))
        require_named_output(path, manifest, output, manifest["labels"])

    def open(self, directory, runtime, manifest, options=None):
        from keras_attention.tasks.classification.text_classifier import artifact_classifier

        return artifact_classifier(directory, runtime, manifest)

    def examples(self, config, precision, say, valid=None):
        from keras_attention.tasks.classification.labelled_examples import examples_to_compare_on

        return examples_to_compare_on(config, valid)

    def graph(self, user):
        from keras_attention.artifacts.formats import FORMATS
        from keras_attention.tasks.classification import graph_functions

        tokenizer, labels, takes_pairs = user.tokenizer, user.labels, user.takes_pairs
        kind = user.problem_type
        ids = graph_functions.ids_function(user.model, tokenizer.padding_id, takes_pairs, kind)
        in_graph = tokenizer.in_graph()
        return Graph(
            ids,
            graph_functions.text_function(ids, in_graph, labels, user.max_length, takes_pairs),
            {"tokenizer": in_graph},
            graph_functions.signatures(len(labels), takes_pairs, FORMATS, kind),
            {
                "labels": labels,
                **problem_type_field(user.model, len(labels), kind),
                "takes_pairs": takes_pairs,
                "max_length": user.max_length,
                "special_ids": tokenizer.special_ids.to_dict(),
            },
        )

    def comparison(self, user, examples):
        from keras_attention.tasks.classification.classification_comparison import (
            ClassificationComparison,
        )

        return ClassificationComparison(user, examples)

    def write_extras(self, directory, manifest):
        from keras_attention.artifacts.write_labels import write_labels

        write_labels(directory, manifest["labels"])

    def describe(self, manifest):
        texts = "pairs of texts" if manifest["takes_pairs"] else "texts"
        yield f"labels: {', '.join(manifest['labels'])}"
        yield f"reads {texts} of at most {manifest['max_length']} tokens"
        yield from describe_problem_type(manifest)

    # Evaluation

    def read_evaluation(
        self,
        data,
        text_column="text",
        label_column="label",
        pair_column=None,
        confusion=None,
        force=False,
    ):
        from keras_attention.files import require_writable
        from keras_attention.tasks.classification.evaluation import Evaluation
        from keras_attention.text.corpora.labelled_texts import read_labelled

        if confusion:
            require_writable(confusion, force)
        texts = read_labelled(data, text_column, label_column, pair_column, problem_type=None)
        return Evaluation(texts, label_column, confusion, bool(force))

    def evaluate(self, user, data):
        from keras_attention.tasks.classification.evaluation import evaluate

        return evaluate(user, data)


@dataclasses.dataclass
class _Labelled:
    data: object  # LabelledTexts
    targets: object  # of `label_targets`


TASK = ClassificationTask()
