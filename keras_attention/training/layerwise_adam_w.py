"""AdamW as BERT uses it: no decay of norms and biases, and a learning rate for each layer."""

import keras

from keras_attention._validation import require
from keras_attention.keras_private import variable_index

NORMS = ("gamma", "beta")


def decays(path):
    """Whether weight decay applies to a variable. It applies to neither norms nor biases.

    >>> decays("encoder_0/self_attention/output_kernel"), decays("encoder_0/output_bias")
    (True, False)
    """
    name = path.split("/")[-1]
    return name not in NORMS and not name.endswith("bias")


def layer_rate_scales(layers, decay):
    """The factor on the learning rate of each layer: `decay` times that of the layer above.

    The top layer has factor 1. So has every layer that is not named, such as a new head.

    Args:
        layers: names from the bottom (the embeddings) to the top block. A list of names stands for
            layers with the same factor.
        decay: above 0, at most 1; Sun et al. found 0.95 best.

    Returns:
        A dict for `rate_scales` of `LayerwiseAdamW`.

    >>> layer_rate_scales([["embeddings", "embeddings_norm"], "encoder_0", "encoder_1"], 0.5)
    {'embeddings': 0.25, 'embeddings_norm': 0.25, 'encoder_0': 0.5, 'encoder_1': 1.0}

    Reference: Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.3,
    https://arxiv.org/abs/1905.05583
    """
    require(0 < decay <= 1, "decay", "a number above 0, at most 1", decay=decay)
    return {
        name: decay ** (len(layers) - 1 - index)
        for index, names in enumerate(layers)
        for name in ([names] if isinstance(names, str) else names)
    }


@keras.saving.register_keras_serializable(package="keras_attention")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW without decay of norms and biases, and with a learning rate for each layer.

    Variables called `gamma` or `beta`, or whose name ends with `bias`, do not decay. The others
    decay in proportion to their own learning rate. Unlike `exclude_from_weight_decay`, all of this
    is part of the config: a saved model trains on as before.

    Args:
        learning_rate: number or schedule.
        weight_decay: share of a weight that one update with a learning rate of 1 removes.
        beta_1: decay of the mean of gradients.
        beta_2: decay of the mean of squared gradients.
        epsilon: added to the root of the mean of squares.
        global_clipnorm: limit on the norm of all gradients together; None clips nothing.
        rate_scales: dict from the name of a layer (or several parts of a path, "encoder_0/output")
            to the factor on the learning rate of its variables. If several names fit, the longest
            counts. See `layer_rate_scales`. None for a factor of 1 everywhere.
        **kwargs: those of `keras.optimizers.AdamW`.

    Raises:
        ValueError: if no variable has any of the names in `rate_scales`, or a scale is negative.

    Example:

    >>> scales = layer_rate_scales(["embeddings", "encoder_0", "encoder_1"], 0.95)
    >>> schedule = WarmupLinearSchedule(5e-5, warmup_steps=100, total_steps=1000)
    >>> model.compile(LayerwiseAdamW(schedule, rate_scales=scales), loss)

    Reference: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101; Devlin et al. 2018,
    appendix A.2, https://arxiv.org/abs/1810.04805 (whose code does not correct Adam's bias; this
    does, as Mosbach et al. 2021 advise, https://arxiv.org/abs/2006.04884)
    """

    def __init__(
        self,
        learning_rate=1e-4,
        weight_decay=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        global_clipnorm=1.0,
        rate_scales=None,
        name="layerwise_adam_w",
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            name=name,
            **kwargs,
        )
        self.rate_scales = dict(rate_scales or {})
        require(
            all(scale >= 0 for scale in self.rate_scales.values()),
            "rate_scales",
            "a dict of numbers from 0 on",
            rate_scales=rate_scales,
        )

    def build(self, variables):
        if self.built:
            return
        names = [self._name_of(variable.path) for variable in variables]
        require(
            not self.rate_scales or any(names),
            "rate_scales",
            "keyed by layers of the model",
            rate_scales=list(self.rate_scales),
            paths=[variable.path for variable in variables][:5],
        )
        self._scales = [self.rate_scales[name] if name else 1.0 for name in names]
        self._decays = [decays(variable.path) for variable in variables]
        # The stock decay knows no rates of layers: `update_step` does it for all.
        self.exclude_from_weight_decay(var_list=variables)
        super().build(variables)

    def _name_of(self, path):
        """The longest name in `rate_scales` that is part of a variable's path; None if none is."""
        fitting = [name for name in self.rate_scales if f"/{name}/" in f"/{path}/"]
        return max(fitting, key=len, default=None)

    def update_step(self, gradient, variable, learning_rate):
        index = variable_index(self, variable)
        learning_rate = keras.ops.cast(learning_rate, variable.dtype) * self._scales[index]
        if self._decays[index] and self.weight_decay:
            self.assign_sub(variable, variable * (learning_rate * self.weight_decay))
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "rate_scales": dict(self.rate_scales)}
