"""Distillation in the trainings of encoders: the teacher, and the student that it gives.

What the losses are stands in `keras_attention.training.Distiller`.
"""

import dataclasses

from keras_attention._validation import InputError, with_article
from keras_attention.tasks.encoder_task import own_encoder
from keras_attention.tasks.load import read_run


@dataclasses.dataclass
class Teacher:
    """A run that a student learns from.

    Args:
        model: its Keras model, a head on an encoder.
        tokenizer: its tokenizer, which the student has too.
        config: its config, a dict.
    """

    model: object
    tokenizer: object
    config: dict


def read_teacher(kind, config, custom_objects=None):
    """The `Teacher` that a config names, or None.

    Args:
        kind: of the task, which must be the teacher's.
        config: with `teacher` and `max_sequence_length`.
        custom_objects: as that of `keras_attention.load`.

    Raises:
        InputError: if it is no run of that kind, has no encoder of this package, or has fewer
            positions than the texts of `config` need.
    """
    if config.teacher is None:
        return None
    _, values, model, tokenizer, _ = read_run(config.teacher, custom_objects, kind=kind)
    encoder = own_encoder(model)
    if encoder is None:
        raise InputError(
            f"`teacher` {config.teacher}: its model is a {type(model).__name__}, which has no "
            "encoder of this package."
        )
    positions = encoder.max_sequence_length
    if config.max_sequence_length > positions:
        raise InputError(
            f"`max_sequence_length` {config.max_sequence_length} is more than the {positions} "
            f"positions of the `teacher` {config.teacher}."
        )
    return Teacher(model, tokenizer, values)


def require_same_vocabulary(config, initial, teacher):
    """Raises `InputError` unless initial weights have the tokens of the teacher.

    Args:
        config: with `initial_weights` and `teacher`.
        initial: the `Initial` weights.
        teacher: the `Teacher`.
    """
    own, other = (_tokens(each.tokenizer) for each in (initial, teacher))
    if own != other:
        raise InputError(
            f"`teacher` {config.teacher} has another vocabulary than {config.initial_weights}: a "
            "student reads the tokens of its teacher."
        )


def _tokens(tokenizer):
    return type(tokenizer), tokenizer.vocabulary_size, tokenizer.describe(), tokenizer.vocabulary


def require_labels(config, teacher):
    """Puts the teacher's labels into the config of a classifier that learns from it.

    Raises:
        InputError: if it reads other texts, or gives other answers, than `config` asks for.
    """
    path, values = config.teacher, teacher.config
    takes_pairs, wants_pairs = (x is not None for x in (values["pair_column"], config.pair_column))
    if takes_pairs != wants_pairs:
        kinds = ["pairs of texts" if pairs else "texts" for pairs in (takes_pairs, wants_pairs)]
        raise InputError(
            f"`teacher` {path} classifies {kinds[0]}, and `pair_column` asks for {kinds[1]}."
        )
    problem_type = teacher.model.problem_type
    if problem_type != config.problem_type:
        raise InputError(
            f"`teacher` {path} is trained for {problem_type}, and `problem_type` asks for "
            f"{config.problem_type}."
        )
    if config.labels is None:
        config.labels = list(values["labels"])
    elif list(config.labels) != list(values["labels"]):
        raise InputError(
            f"`teacher` {path} has other labels, {', '.join(values['labels'])}, than the run, "
            f"{', '.join(config.labels)}."
        )


def require_known_labels(config, names):
    """Raises `InputError` unless the teacher of a classifier knows the labels of training texts."""
    unknown = [name for name in names if name not in config.labels]
    if unknown:
        raise InputError(
            f"`teacher` {config.teacher} has other labels, {', '.join(config.labels)}, than the "
            f"training texts, among them {', '.join(unknown[:5])}."
        )


def new_encoder(config, teacher, say):
    """The encoder of a student that has no initial weights.

    Without a preset it is the teacher's with every second layer, from the first to the last one,
    as DistilBERT is made of BERT (Sanh et al. 2019, section 3). The encoder of a preset begins with
    the teacher's layers, as many as it has, where their shapes fit.

    Args:
        config: of the training.
        teacher: the `Teacher`.
        say: function that is told what was done.

    Returns:
        The encoder; and the model whose head may be copied too, or None.

    Raises:
        InputError: if there is no preset and the teacher is no stack of blocks.
    """
    from keras_attention.models.block_encoder import BlockEncoder
    from keras_attention.models.encoder_families import encoder_from_preset

    source = own_encoder(teacher.model)
    if config.preset is not None:
        encoder = encoder_from_preset(
            config.preset,
            config.family,
            vocabulary_size=source.vocabulary_size,
            max_sequence_length=config.max_sequence_length,
            **config.given_of(dropout=config.dropout),
        )
    elif isinstance(source, BlockEncoder):
        encoder = _with_half_the_layers(source, config.dropout)
    else:
        raise InputError(
            f"`teacher` {config.teacher} is {with_article(type(source).__name__)}, which has no "
            "layers to begin with: give `preset` or `initial_weights`."
        )
    problem = _misfit(encoder, source)
    if problem is not None:
        say(f"The student begins with random weights: {problem}.")
        return encoder, None
    taken = _copy_layers(encoder, source)
    say(
        f"The student begins with the embeddings and the layers {', '.join(map(str, taken))} (of 0 "
        f"to {len(source.blocks) - 1}) of {config.teacher}, and with its head where that fits."
    )
    return encoder, teacher.model


def _with_half_the_layers(source, dropout):
    values = {**source.get_config(), "num_layers": (len(source.blocks) + 1) // 2}
    for name in ("name", "frozen"):  # none of the student's weights is frozen
        values.pop(name, None)
    if dropout is not None:
        values |= {"dropout": dropout, "attention_dropout": None}
    return type(source).from_config({**values, "trainable": True})


def _misfit(encoder, source):
    """Why an encoder cannot begin with the layers of another, in words; None if it can."""
    from keras_attention.models.block_encoder import BlockEncoder

    if not all(isinstance(each, BlockEncoder) for each in (encoder, source)):
        return "one of the two encoders is no stack of blocks"
    for name in ("hidden_dim", "num_heads", "intermediate_dim"):
        own, other = (getattr(each, name) for each in (encoder, source))
        if own != other:
            return f"its {name} is {own}, the teacher's {other}"
    if encoder.num_layers > source.num_layers:
        return f"it has {encoder.num_layers} layers, the teacher {source.num_layers}"
    shapes = [_shapes(block) for block in (*encoder.blocks, *source.blocks)]
    if any(each != shapes[0] for each in shapes):
        return "its layers have other weights than the teacher's"
    return None


def _learned(layer):
    """The weights of a layer that are numbers: a plan of blocks follows from its arguments."""
    from keras.backend import is_float_dtype

    return [weight for weight in layer.weights if is_float_dtype(weight.dtype)]


def _shapes(layer):
    return [tuple(weight.shape) for weight in _learned(layer)]


def layers_to_take(count, of):
    """The indices of `count` of `of` layers, evenly from the first to the last.

    >>> layers_to_take(6, 12)
    [0, 2, 4, 7, 9, 11]
    """
    return [round(i * (of - 1) / max(1, count - 1)) for i in range(count)]


def _copy_layers(encoder, source):
    """Gives an encoder the weights of another that fit; the indices of the blocks it has taken."""
    taken = layers_to_take(len(encoder.blocks), len(source.blocks))
    for block, index in zip(encoder.blocks, taken, strict=True):
        _copy(block, source.blocks[index])
    for own, other in zip(encoder.embedding.weights, source.embedding.weights, strict=True):
        own.assign(other.numpy()[: own.shape[0]])  # of the positions the first
    blocks = {block.name for block in (*encoder.blocks, encoder.embedding)}
    copy_layers_of_same_name(encoder, source, blocks)
    return taken


def pooling_of(teacher, encoder):
    """What a classifier of a student's encoder reads: what its teacher does, where it can.

    None where it cannot: what suits the encoder.
    """
    from keras_attention.models import Classifier

    if not isinstance(teacher, Classifier):
        return None
    return None if teacher.pooling == "pooled" and not encoder.has_pooler else teacher.pooling


def begin_head(model, teacher):
    """Gives the head of a student's model the weights of the teacher's that fit.

    Args:
        model: the student's.
        teacher: the model whose encoder it began with, or None: then nothing is done.
    """
    from keras_attention.models import Classifier, MaskedLM

    if isinstance(model, Classifier) and isinstance(teacher, Classifier):
        if (model.pooling, model.classifier_dim) == (teacher.pooling, teacher.classifier_dim):
            names = {layer.name for layer in model.encoder.layers}
            copy_layers_of_same_name(model, teacher, names)
    elif isinstance(model, MaskedLM) and isinstance(teacher, MaskedLM):
        own, other = model.masked_lm, teacher.masked_lm
        for part, others in ((own.dense, other.dense), (own.normalization, other.normalization)):
            part.set_weights(others.get_weights())
        own.token_bias.assign(other.token_bias)


def copy_layers_of_same_name(model, source, besides=()):
    """Gives the layers of a model the weights of those of another that have their names and shapes.

    Args:
        model, source: functional Keras models.
        besides: names of layers that keep their weights.
    """
    known = {layer.name: layer for layer in source.layers}
    for layer in model.layers:
        other = known.get(layer.name)
        fits = other is not None and type(other) is type(layer) and layer.weights
        if fits and layer.name not in besides and _shapes(layer) == _shapes(other):
            _copy(layer, other)


def _copy(layer, source):
    for own, other in zip(_learned(layer), _learned(source), strict=True):
        own.assign(other)


def with_teacher(task, config, initial, teacher, say):
    """The `Initial` weights of a student: those that were given, or what the teacher gives."""
    if initial is None:
        return task.new_student(config, teacher, say)
    require_same_vocabulary(config, initial, teacher)
    say(f"The student begins with {config.initial_weights}.")
    return initial


def distiller(config, student, teacher):
    """The `Distiller` of a training."""
    from keras_attention.training import Distiller

    return Distiller(
        student, teacher.model, config.distillation_temperature, config.distillation_weights
    )
