"""What a task is: everything that training, exporting, loading and evaluating ask about one."""

from keras_attention._validation import InputError, with_article


class Task:
    """One kind of model, from its options to the scores of its artifacts.

    `keras_attention.tasks` lists all of them. Training, exporting, loading, evaluating, importing
    and inspecting are each written once and know a task by this class only. A subclass lives in a
    folder of its own and imports what it needs inside its methods, so that an artifact loads where
    there is neither TensorFlow nor Keras.

    Attributes:
        kind: what `config.json` and `manifest.json` call it.
        unit: what its inputs are called in progress messages: "sentences", "texts".
        method: name of the method for users: "translate", "classify"; None where there is none.
        trains: whether there is a training for it.
        xla_valid_shapes: number of shapes of validation batches where XLA compiles their step.
        imports: whether a published checkpoint may become a run of it.
        train_help, train_description, evaluate_help: sentences for the help of commands.
        train_options, export_options, evaluate_options: tuples of `Option`.
        no_attention: which of "pair" and "grid" make no sense in pictures of its attention.
        decoding_names: names of the options that say how its models decode, which `load`,
            `evaluate` and `export` take; empty where nothing is decoded.
        example_classes: names of the dataclasses that `examples` of an export may be.
        example_options: names of the `export_options` that `examples` takes; `graph` takes the
            others, but for `decoding_names`.
        run_fields: the fields that the config of a run must have, for `json_file.require_fields`;
            `labels` is among them where classes have names.
        further_fields: names of fields that such a config may have beside these and those of
            `config_class`.
        checked_fields: names of such fields that `run_config` and `run_options` check themselves.
        described_fields: names of those that `describe_config` and `describe_answers` show.
        manifest_fields: the fields that its manifests must have, likewise.
        further_formats: names of formats that it may be exported to beside those of every task.
    """

    kind = ""
    unit = "texts"
    method = None
    trains = True
    xla_valid_shapes = 1
    imports = False
    train_help = train_description = evaluate_help = None
    train_options = ()
    export_options = ()
    evaluate_options = ()
    decoding_names = ()
    example_classes = example_options = ()
    no_attention = ()
    run_fields = {}
    further_fields = ("initial_weights", "max_sequence_length")
    checked_fields = ()
    described_fields = ()
    manifest_fields = {}
    further_formats = ()

    # Training

    def config_class(self):
        """The dataclass of the training's options, a `RunConfig`."""
        raise self._missing("config_class")

    def make_config(self, **options):
        """The config that `options`, of `train_options` and of the run, ask for.

        Raises:
            InputError: if they do not fit each other.
        """
        return self.config_class().for_preset(**self.config_fields(options))

    def config_fields(self, options):
        """`options`, of `train_options` and of the run, as fields of the config."""
        return options

    def read_data(self, config, run):
        """The `Rows` that `config` names, of `training_parts`; `run` is the `TrainingRun`."""
        raise self._missing("read_data")

    def read_initial(self, config, custom_objects=None):
        """The `Initial` weights that `config` names, or None."""
        return None

    def read_teacher(self, config, custom_objects=None):
        """What the training that `config` asks for learns from, or None: see `distillation`."""
        return None

    def load_tokenizer(self, directory):
        """The tokenizer that `save` wrote to a directory."""
        raise self._missing("load_tokenizer")

    def make_tokenizer(self, config, rows, initial, say):
        """The tokenizer of a new run."""
        raise self._missing("make_tokenizer")

    def make_batches(self, config, tokenizer, rows, say):
        """The batches of training and those of validation: see `BucketedBatches`."""
        raise self._missing("make_batches")

    def make_model(self, config, tokenizer, initial):
        """The model to train."""
        raise self._missing("make_model")

    def fine_tuning_rate(self, config, model, say):
        """The learning rate of a training whose config leaves it to the model's weights."""
        raise self._missing("fine_tuning_rate")

    def compile(self, model, config, total_steps):
        """Compiles `model` for a training of `total_steps` updates."""
        raise self._missing("compile")

    def plan(self, run, model, tokenizer, rows, batches, valid_batches):
        """The `Plan` of a training."""
        raise self._missing("plan")

    # Runs

    def require_config(self, config):
        """Raises `InputError` unless each entry may be one of `config.json` of a run, `ValueError`
        if its value is out of range; `run_config` and `run_options` check those of the task."""
        from keras_attention.runs.run_config import fields_of, require_entries

        cls = self.config_class() if self.trains else None
        known = {*fields_of(cls), *self.run_fields, *self.further_fields}
        unknown = [name for name in config if name not in known]
        if unknown:
            raise InputError(
                f"Unknown field {unknown[0]!r} of the config of {with_article(self.kind)}; "
                f"expected some of {', '.join(sorted(known))}."
            )
        checked = (*self.run_fields, *self.checked_fields)
        require_entries(cls, {n: value for n, value in config.items() if n not in checked})

    def run_config(self, model, tokenizer, labels=None, **config):
        """`config.json` of a run of `model` that was trained, or published, elsewhere: a dict."""
        raise self._missing("run_config")

    def run_options(self, path, config, seed=None, **search):
        """How a run is to answer, from what the user asks for and what its config says.

        Args:
            path: the run directory, for messages.
            config: its config, a dict.
            seed, search: those of `load`.

        Raises:
            InputError: if the config is incomplete, or an option does not concern the task.
        """
        raise self._missing("run_options")

    def require_fit(self, path, config, model, tokenizer):
        """Raises `InputError` unless a run's model and tokenizer belong together."""
        raise self._missing("require_fit")

    def longest_text(self, model):
        """The longest text, in tokens, that a Keras model reads; None where it does not say."""
        raise self._missing("longest_text")

    def imported_config(self, model, longest=None):
        """What `config.json` of a run takes from a published model, a dict for `run_config`.

        Args:
            model: the Keras model.
            longest: the longest text that its directory speaks of, or None.
        """
        lengths = [n for n in (longest, self.longest_text(model)) if n is not None]
        return {"max_sequence_length": min(lengths)} if lengths else {}

    def describe_config(self, config):
        """The lines that `inspect` shows of the config of a run, beside its entries."""
        if "labels" in self.described_fields:
            yield f"labels: {', '.join(config['labels'])}"

    def describe_answers(self, config):
        """The lines that `inspect` shows of how a run answers, such as its decoding."""
        return ()

    def wrap(self, model, tokenizer, config, options=None):
        """The object that users call: strings in, answers out. Its Keras model is `.model`.

        Args:
            model: the Keras model.
            tokenizer: its tokenizer.
            config: the run's config, a dict.
            options: from `run_options`; None for the defaults.
        """
        raise self._missing("wrap")

    def refuse_labels(self, labels):
        """Raises `InputError` for labels that are given to a task without named classes."""
        if labels is not None and "labels" not in self.run_fields:
            raise InputError(
                f"`labels` are names of classes; {with_article(self.kind)} has no classes."
            )

    # Artifacts

    def require_manifest(self, path, manifest):
        """Raises `InputError` unless a manifest with all `manifest_fields` makes sense."""

    def artifact_options(self, path, manifest, seed=None, **search):
        """As `run_options`, of an artifact: what it does was fixed when it was exported."""
        raise self._missing("artifact_options")

    def artifact_tokenizer(self, tokenizer):
        """What an artifact holds of a tokenizer: what its programs need."""
        return tokenizer

    def open(self, directory, runtime, manifest, options=None):
        """The object that users call, run by one format of an artifact."""
        raise self._missing("open")

    def examples(self, config, precision, say, **options):
        """What an export compares Keras with its formats on.

        Args:
            config: of the run, a dict.
            precision: of the formats.
            say: function that is told of progress.
            **options: the `export_options` that name files.

        Returns:
            The examples, and what they are, in words: the manifest says so.
        """
        raise self._missing("examples")

    def require_export(self, user, precision, **options):
        """Raises `InputError` if `user`, from `wrap`, cannot be exported so, before any work.

        Args:
            user: from `wrap`.
            precision: of the formats.
            **options: those that `graph` takes.
        """

    def require_further_format(self, user, name):
        """Raises `InputError` if `user`, from `wrap`, cannot be exported to one of
        `further_formats`, before any work."""

    def graph(self, user, **options):
        """The `Graph` that every format holds, of the object `user` from `wrap`."""
        raise self._missing("graph")

    def comparison(self, user, examples):
        """The `Comparison` of a Keras model with its formats."""
        raise self._missing("comparison")

    def write_extras(self, directory, manifest):
        """Writes what else belongs into the directory of an artifact, such as `labels.txt`."""

    def describe(self, manifest):
        """The lines that `inspect` shows of this task alone."""
        return ()

    # Pictures

    def attention(self, user, text, pair=None, kind=None, layer=None, head=None):
        """The `AttentionMap` of a model in Keras while it reads, or translates, a text.

        Args:
            user: from `wrap`.
            text: string.
            pair: string, a second text, or None.
            kind: "cross", "encoder" or "decoder"; None for the task's own.
            layer: index from 0; None for the last but one.
            head: index from 0; None for the mean of all.

        Raises:
            InputError: if the model has no such attention.
        """
        raise self._missing("attention")

    def attention_grid(self, user, text, pair=None):
        """The attention of every layer and head, and the words: see `encoder_scores`."""
        raise self._missing("attention_grid")

    # Evaluation

    def read_evaluation(self, **options):
        """The data of an evaluation, from the `evaluate_options`, before any model is read."""
        raise self._missing("read_evaluation")

    def evaluate(self, user, data):
        """The scores of `user` on data from `read_evaluation`, a dict of JSON values."""
        raise self._missing("evaluate")

    def _missing(self, name):
        return NotImplementedError(f"{type(self).__name__} must implement `{name}`.")
