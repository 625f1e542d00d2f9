"""The private names of Keras that this package needs, all of them, each with the reason.

Pinned to Keras 3.15 (`keras>=3.15,<3.16` in setup.cfg): look at each of them when that moves.
`tests/test_import_direction.py` finds private names read elsewhere.
"""

import contextlib
import inspect

import keras


def mask_of(tensor):
    """The mask that a layer left on its output, or None.

    Keras hands it to `call` only under names of its own choice, `mask` or `<argument>_mask`.
    """
    return getattr(tensor, "_keras_mask", None)


def set_mask(tensor, mask):
    """Leaves a mask, or None, on a tensor as a layer does on its output.

    A layer's own `compute_mask` is given the first argument of a call alone. None takes no
    attributes, nor do JAX's arrays: on them there are no masks to be found either.
    """
    with contextlib.suppress(AttributeError):
        tensor._keras_mask = mask


def held_option(layer, word):
    """The object that a layer was given as the option `word`, or None.

    `keras.layers.MultiHeadAttention` has public names for its sizes, but not for its initializers,
    regularizers and constraints.
    """
    held = getattr(layer, word, None)
    return getattr(layer, f"_{word}", None) if held is None else held


def takes_training(layer):
    """Whether `layer` may be called with `training`, as `keras.layers.RNN` asks its cell."""
    return layer._call_has_training_arg


def set_dropout_mask(cell, mask):
    """Makes a stock RNN cell drop its inputs by `mask`.

    The cell has a method that draws a mask and one that forgets it, and none that takes one.
    """
    cell._dropout_mask = mask


def set_recurrent_dropout_mask(cell, mask):
    """Makes a stock RNN cell drop its states by `mask`: see `set_dropout_mask`."""
    cell._recurrent_dropout_mask = mask


def variable_index(optimizer, variable):
    """Where `variable` stands among those that an optimizer was built with.

    `update_step` is given a variable and not its index.
    """
    return optimizer._get_variable_index(variable)


def is_unbuilt(model):
    """Whether a compiled model has losses or metrics that have not seen a batch.

    `fit` builds them first.
    """
    compiled = (model._compile_loss, model._compile_metrics)
    return any(each is not None and not each.built for each in compiled)


def build_symbolically(model, batch):
    """Builds the losses, the metrics and the optimizer of a compiled model by a batch's shapes.

    `fit` does so by its first batch, read in a way that fails under `tf.distribute` where parts of
    a batch differ in size.
    """
    if model._compile_loss is not None and not model._compile_loss.built:
        # Keras would call the losses, which it can only do with weights that it takes.
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(
            keras.tree.map_structure(
                lambda x: None if x is None else keras.KerasTensor(x.shape, x.dtype), batch
            )
        )
        output_losses(model, y, model.compute_output_spec(x), sample_weight)
    model._symbolic_build(data_batch=batch)


def output_losses(model, y, y_pred, sample_weight):
    """How `fit` pairs losses with outputs, in all the structures that `compile` and `fit` take.

    Keras pairs them, calls them and adds them up in one method. Here it calls functions that only
    note what it hands them.

    Args:
        model: a compiled `keras.Model`.
        y: targets, y_pred: outputs, sample_weight: weights or None, as `fit` has them.

    Returns:
        A list of `(loss, weight, y, y_pred, sample_weight)`, one for each output with a loss.
    """
    compiled = model._compile_loss
    found = []

    def noting(entry):
        def note(y_true, y_pred, sample_weight):
            weight = 1.0 if entry.loss_weights is None else entry.loss_weights
            found.append((entry.loss, weight, y_true, y_pred, sample_weight))
            return 0.0

        return entry._replace(loss=note, loss_weights=None)

    def build(y_true, y_pred):
        if not compiled.built:
            compiled.build(y_true, y_pred)
        pairing._flat_losses = [noting(entry) for entry in compiled._flat_losses]
        pairing._metrics = [None for _ in compiled._flat_losses]
        pairing._y_pred_build_structure = compiled._y_pred_build_structure
        pairing._y_true_build_structure = compiled._y_true_build_structure

    if compiled is not None:
        pairing = object.__new__(type(compiled))
        vars(pairing).update(vars(compiled), built=False, build=build)
        pairing.call(y, y_pred, sample_weight)
    return found


def output_means(model):
    """The means that Keras keeps of the losses of several outputs: a list of `(weight, mean)`."""
    compiled = model._compile_loss
    if compiled is None or not compiled.built:
        return []
    weights = [1.0 if e.loss_weights is None else e.loss_weights for e in compiled._flat_losses]
    return list(zip(weights, compiled.metrics, strict=False))  # none if there is one loss


def set_loss_metric(model, metric):
    """Puts `metric` in the place of the mean of batches' losses, under the name "loss"."""
    object.__setattr__(model, "_loss_tracker", metric)  # not tracked twice


def loss_metric(model):
    """The metric that `fit` logs as "loss"."""
    return model._loss_tracker


def layers_within(model):
    """All layers of a model, at any depth; `model.layers` has the outermost."""
    return model._flatten_layers(include_self=False)


def computing_layers(model):
    """Those of `layers_within` whose policy says in what the model computes.

    An input has the global policy, and so has a model of layers, whatever `dtype` they were given.
    """

    def is_only_made_of_others(layer):
        return isinstance(layer, keras.Model) and layer.layers

    found = [x for x in layers_within(model) if not isinstance(x, keras.layers.InputLayer)]
    return [x for x in found if not is_only_made_of_others(x)]


def tensors_before(tensor):
    """The symbolic tensors of a functional model that a tensor is made from, itself first."""
    found, waiting = {}, [tensor]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) not in found:
            found[id(tensor)] = tensor
            waiting += call_of(tensor)[1]
    return list(found.values())


def operations_before(tensor):
    """The operations that a symbolic tensor of a functional model is made by, the last one first.

    A layer that is made anew for a graph finds there the layer that it shares weights with.
    """
    return list({id(o): o for o in (call_of(x)[0] for x in tensors_before(tensor))}.values())


def graph_of(model):
    """The inputs and the outputs of a functional or sequential model as it is called with them.

    None of another model. Keras has no public name for the class of functional ones, and
    `keras.Sequential` has a list of one where it is called with one.
    """
    try:
        inputs, outputs = model.inputs, model.outputs
    except AttributeError:  # of a class with a `call` of its own
        return None
    if isinstance(model, keras.Sequential):
        return (inputs[0], outputs[0]) if inputs else None
    return model.input, model.output


def clone_being_made():
    """The model that `keras.models.clone_model` is making, if it called a `get_compile_config`.

    It compiles the clone by that config, and tells the model whose config it is nothing of it.
    """
    return inspect.currentframe().f_back.f_back.f_locals.get("new_model")


def replace_part(layer, name, part):
    """Puts `part` in the place of the layer `layer.<name>`, also where `layer` is built."""
    if part is not getattr(layer, name):
        layer._tracker.replace_tracked_value("layers", getattr(layer, name), part)
        setattr(layer, name, part)


def add_part(layer, name, part):
    """Makes the layer `part` the attribute `layer.<name>`, also where `layer` is built."""
    is_locked = layer._tracker.locked
    layer._tracker.unlock()
    setattr(layer, name, part)
    if is_locked:
        layer._lock_state()


def remove_part(layer, name):
    """Takes `layer.<name>`, a layer, away from a built layer, which no longer holds its weights."""
    layer._tracker.untrack(getattr(layer, name))
    delattr(layer, name)


def build_metrics(model, y, y_pred):
    """Makes the metrics of `compile`, which else come into being with their first update."""
    metrics = model._compile_metrics
    if metrics is not None and not metrics.built:
        metrics.build(y, y_pred)


def given_metrics(model):
    """The metrics that `compile` was given: a list of `(metric, is_weighted)`, built or not."""
    compiled = model._compile_metrics
    if compiled is None:
        return []
    given = (compiled._user_metrics, False), (compiled._user_weighted_metrics, True)
    flat = [(keras.tree.flatten(metrics), is_weighted) for metrics, is_weighted in given]
    return [(m, is_weighted) for metrics, is_weighted in flat for m in metrics if m is not None]


def call_of(tensor):
    """What made a symbolic tensor of a functional model: operation, inputs, keyword arguments."""
    operation, node_index, _ = tensor._keras_history
    if node_index < 0:
        return operation, [], {}
    node = operation._inbound_nodes[node_index]
    return operation, node.input_tensors, node.arguments.kwargs


def kept_by_layers(model):
    """The variables that layers made as not trainable, such as moving means; no frozen weights."""
    layers = (model, *layers_within(model))
    return [variable for layer in layers for variable in layer._non_trainable_variables]


class FirstBatch:
    """A mixin of `keras.Model` whose subclass may read the first batch of `fit` itself.

    It stands before `keras.Model` among the bases. Keras reads that batch in a private method.
    """

    def build_from_first_batch(self, iterator):
        """Builds the metrics and the optimizer from an iterator, or returns False to leave that to
        Keras."""
        return False

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if iterator is None or not self.build_from_first_batch(iterator):
            super()._maybe_symbolic_build(iterator, data_batch)


def made_trainable(layer):
    """The variables of a layer or a model that were made as trainable, frozen ones too."""
    layers = (layer, *layers_within(layer))
    return [variable for each in layers for variable in each._trainable_variables]


class AfterBuild:
    """A mixin of `keras.layers.Layer`, before it among the bases, for what a built layer adds.

    Keras calls a private method where `build` has ended, whatever subclass has overridden it.
    """

    def after_build(self):
        """Adds parts to the layer, which is built."""

    def _post_build(self):
        super()._post_build()
        self.after_build()
