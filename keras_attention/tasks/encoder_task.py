"""What the tasks of encoders share: the tokenizer, and what a run must hold."""

from keras_attention._validation import InputError, require, with_article
from keras_attention.json_file import is_list_of_names, require_fields, shortened
from keras_attention.tasks import kind_of_model
from keras_attention.tasks.encoder_inputs import require_encoder_inputs, symbolic_input
from keras_attention.tasks.task import Task
from keras_attention.text.tokenizers import (
    encoder_tokenizer,
    load_encoder_tokenizer,
    require_encoder_tokenizer,
)


class EncoderTask(Task):
    """A task whose model reads `token_ids`, `segment_ids` and `padding_mask`."""

    trains = False
    imports = True

    def load_tokenizer(self, directory):
        return load_encoder_tokenizer(directory)

    def config_fields(self, options):
        from keras_attention.tasks.distillation_config import with_weights

        return with_weights(options)

    def new_student(self, config, teacher, say):
        """The `Initial` weights of a student that begins with none but its `Teacher`'s."""
        raise self._missing("new_student")

    def training_texts(self, rows):
        """The texts of which a new vocabulary is made."""
        raise self._missing("training_texts")

    def make_tokenizer(self, config, rows, initial, say):
        from keras_attention.models import Encoder
        from keras_attention.models.encoder_families import encoder_family

        if initial is not None:
            return initial.tokenizer
        family = Encoder if config.family is None else encoder_family(config.family)
        return encoder_tokenizer(family.tokenizer_class).train(
            self.training_texts(rows), config.vocabulary_size, config.lowercase
        )

    def fine_tuning_rate(self, config, model, say):
        from keras_attention.runs.fine_tuning_rate import fine_tuning_rate

        width = own_encoder(model).hidden_dim
        rate = config.default_rate(fine_tuning_rate(width), config.lora_rank)
        of = "" if config.lora_rank is None else "adapters of "
        say(f"The learning rate is {rate:g}, which suits {of}an encoder of width {width}.")
        return rate

    def say_cut(self, config, cut, count, say):
        """Says how many of the texts are longer than the model reads."""
        if cut:
            say(
                f"{cut:,} of {count:,} texts are longer than {config.max_sequence_length} tokens; "
                "only their beginnings are read."
            )

    def run_options(self, path, config, seed=None, **search):
        self._refuse_decoding(path, seed, search)
        require_fields(config, self.run_fields, f"{path}/config.json")

    def artifact_options(self, path, manifest, seed=None, **search):
        self._refuse_decoding(path, seed, search)

    def _refuse_decoding(self, path, seed, search):
        given = [*search, *([] if seed is None else ["seed"])]
        if given:
            raise InputError(
                f"{path} is {with_article(self.kind)}, which decodes nothing: {', '.join(given)} "
                f"{'does' if len(given) == 1 else 'do'} not concern it."
            )

    def require_fit(self, path, config, model, tokenizer):
        require_encoder_tokenizer(tokenizer)
        if kind_of_model(model) not in (None, self.kind):
            raise InputError(
                f"{path}/model.keras: expected {with_article(self.kind)}, as config.json says. "
                f"Received: a {type(model).__name__}"
            )
        require_encoder_inputs(path, model)
        encoder = own_encoder(model)
        if encoder is None:  # a model of the user's own
            return
        rows, longest = encoder.vocabulary_size, encoder.max_sequence_length
        # Published embeddings may have rows to spare, never too few.
        if tokenizer.vocabulary_size > rows:
            raise InputError(
                f"{path}: the tokenizer has {tokenizer.vocabulary_size:,} tokens and the model "
                f"{rows:,}; they do not belong together."
            )
        length = config["max_sequence_length"]
        if length > longest:
            raise InputError(
                f"{path}/config.json: `max_sequence_length` must be at most {longest:,}, as the "
                f"model's. Received: {length:,}"
            )

    def longest_text(self, model):
        encoder = own_encoder(model)
        return None if encoder is None else encoder.max_sequence_length

    def run_config(self, model, tokenizer, labels=None, **config):
        self.refuse_labels(labels)
        longest = self.longest_text(model)
        length = {} if longest is None else {"max_sequence_length": longest}
        if longest is None and "max_sequence_length" not in config:
            raise InputError(
                "`max_sequence_length` must be given: the model does not know its own. Expected "
                "an integer of at least 3, the tokens of a text at most."
            )
        own = {} if labels is None else {"labels": list(labels)}
        return {**length, **config, **own, "kind": self.kind}

    # Pictures

    def attention(self, user, text, pair=None, kind=None, layer=None, head=None):
        from keras_attention.visualization import attention_of_text

        if kind not in (None, "encoder"):
            raise InputError(
                f"{with_article(self.kind).capitalize()} has an encoder alone: it has no {kind} "
                "attention; it has only encoder."
            )
        self._require_attention(user)
        length = user.max_length
        return attention_of_text(user.model, user.tokenizer, text, pair, layer, head, length)

    def attention_grid(self, user, text, pair=None):
        from keras_attention.visualization import encoder_scores

        self._require_attention(user)
        return encoder_scores(user.model, user.tokenizer, text, pair, user.max_length)

    def _require_attention(self, user):
        if own_encoder(user.model) is None:
            raise InputError(
                f"The model is a {type(user.model).__name__}, not one of this package: it does not "
                "give the attention of its layers."
            )


def output_shapes(model):
    """The shape of a Keras model's output, or a dict of them by name.

    Raises:
        InputError: if the model is not a functional one.
    """
    from keras import tree

    inputs = symbolic_input(model)
    # `model.output_shape` hides the name of an only output.
    return tree.map_structure(lambda spec: tuple(spec.shape), model.compute_output_spec(inputs))


def own_encoder(model):
    """The `Encoder` in a model of this package, or None for a model of the user's own."""
    from keras_attention.models import Encoder, EncoderHead
    from keras_attention.models.encoder import encoder_of

    return encoder_of(model) if isinstance(model, (Encoder, EncoderHead)) else None


def labels_of_model(model, labels=None):
    """The names of a model's classes: `labels`, or by default the model's own.

    Raises:
        ValueError: if `labels` are not a list of different strings of one line each.
        InputError: if none are given and the model has none.
    """
    from keras_attention.models import ClassifierHead

    if labels is None and isinstance(model, ClassifierHead):
        labels = model.labels
    if labels is None:
        raise InputError("`labels` must be given: the model does not know its own.")
    require(
        isinstance(labels, (list, tuple)) and is_list_of_names(list(labels)),
        "labels",
        "a list of different strings of one line each",
        labels=labels,
    )
    return list(labels)


def require_named_output(path, manifest, output, labels=None):
    """Raises `InputError` unless a manifest's signature `ids` gives what its fields speak of.

    Args:
        path: of the manifest, for the message.
        manifest: a dict with signatures.
        output: name of the output that is read.
        labels: of its last axis, a list, or None where these have no names.
    """
    outputs = manifest["signatures"]["ids"]["outputs"]
    if output not in outputs:
        raise InputError(
            f"{path}: the signature `ids` gives {shortened(', '.join(outputs))}, not {output}."
        )
    _, shape = outputs[output]
    if labels is not None and shape[-1:] != [len(labels)]:
        raise InputError(
            f"{path}: the model tells {shortened((shape or ['no'])[-1])} labels apart, of which "
            f"the manifest names {len(labels)}."
        )


def require_one_a_class(path, labels, shape):
    """Raises `InputError` unless a run names every class of logits (..., C)."""
    if len(labels) != shape[-1]:
        raise InputError(
            f"{path}/config.json: the model tells {shape[-1]} labels apart, of which the config "
            f"names {len(labels)}."
        )
