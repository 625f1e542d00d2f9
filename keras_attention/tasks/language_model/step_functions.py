"""The functions by which a program reads a prompt and writes token by token: LiteRT-LM's contract.

`prefill_N` reads N tokens of a prompt, `decode` one token, and gives the logits of the next. The
keys and values of earlier tokens go in and come out: `kv_cache_k_0`, `kv_cache_v_0`, ... of each
layer, (1, H, S, K). Inputs are `tokens` (1, N) and their positions `input_pos` (N,), int32.

Only the first position counts: the others follow it, because LiteRT-LM fills a prompt up to N with
token 0 at position 0. What such tokens write stands behind the prompt, where nothing reads it
before a token overwrites it. The prompt's last token is for `decode`.
"""


def step_functions(model, prefill_lengths, capacity):
    """`{"prefill_N": tf.function, ..., "decode": tf.function}`.

    Args:
        model: a `keras_attention.models.LanguageModel`.
        prefill_lengths: the lengths N.
        capacity: the positions S that a cache holds; None for a function of caches of any size.
    """
    functions = {f"prefill_{n}": _step(model, n, capacity, False) for n in prefill_lengths}
    return {**functions, "decode": _step(model, 1, capacity, True)}


def cache_shapes(model, capacity):
    """The name and the shape of every cache: a dict, in the order of the functions' arguments."""
    layers = model.empty_cache(1, 1)
    return {
        f"kv_cache_{name}_{index}": (1, layer[part].shape[1], capacity, layer[part].shape[3])
        for index, layer in enumerate(layers)
        for part, name in (("key", "k"), ("value", "v"))
    }


def step_signatures(model, prefill_lengths):
    """The inputs and outputs of the functions, as a manifest has them, without "formats"."""
    caches = {
        name: ["float32", ["slots" if size is None else size for size in shape]]
        for name, shape in cache_shapes(model, None).items()
    }
    logits = {"logits": ["float32", [1, 1, model.vocabulary_size]]}
    return {
        name: {
            "inputs": {"tokens": ["int32", [1, n]], "input_pos": ["int32", [n]], **caches},
            "outputs": {**caches, **more},
        }
        for name, n, more in (
            *((f"prefill_{n}", n, {}) for n in prefill_lengths),
            ("decode", 1, logits),
        )
    }


def _step(model, length, capacity, with_logits):
    import tensorflow as tf

    from keras_attention.layers.attention_cache import cache_slots

    shapes = cache_shapes(model, capacity)
    signature = [
        tf.TensorSpec((1, length), tf.int32, name="tokens"),
        tf.TensorSpec((length,), tf.int32, name="input_pos"),
        *(tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()),
    ]
    dtype = model.compute_dtype

    @tf.function(input_signature=signature, autograph=False)
    def step(tokens, input_pos, *caches):
        caches = [tf.cast(cache, dtype) for cache in caches]
        pairs = zip(caches[::2], caches[1::2], strict=True)
        cache = [{"key": key, "value": value} for key, value in pairs]
        slots = cache_slots(cache[0], input_pos[0], length=length)
        tokens = tokens[:, 0] if length == 1 else tokens
        features, cache = model.read(tokens, cache, slots)
        new = [layer[part] for layer in cache for part in ("key", "value")]
        found = {
            name: tf.cast(tensor, tf.float32) for name, tensor in zip(shapes, new, strict=True)
        }
        if with_logits:
            logits = tf.cast(model.project(features), tf.float32)
            found["logits"] = tf.reshape(logits, (1, 1, model.vocabulary_size))
        return found

    return step
