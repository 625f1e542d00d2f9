"""The functions that an exported language model consists of, of ids and of strings."""

import re

from keras_attention.artifacts.formats import ALL_FORMATS, FORMATS
from keras_attention.tasks.graph import Graph
from keras_attention.tasks.language_model.step_functions import step_functions, step_signatures

PREFILL_LENGTHS = (16, 128)  # of the signatures `prefill_N`, where the context has room
CACHE_LENGTH = 1024  # positions that a cache of fixed size holds, at most


def ids_function(model, options, stops=(), single_loop=False):
    """`prompt_ids (N, P), lengths (N,), max_new_tokens (N,) -> {"token_ids" (N, T), "score" (N,)}`.

    All are int32 but the score. With several hypotheses the outputs have an axis of them after N. A
    model that samples takes a further argument `seed` (N,) int32. Prompts are filled up to P by
    anything. T is the largest number of new tokens; behind the end of a row stands
    `special_ids.fill`.

    Args:
        model: a `keras_attention.models.LanguageModel`.
        options: `SearchOptions` or `SamplingOptions`.
        stops: sequences of ids after which a row ends.
        single_loop: see `keras_attention.decoding.search_loop`.
    """
    import tensorflow as tf

    from keras_attention.decoding import search

    signature = [
        # Not "token_ids": the converter to ONNX would take the input for the output of that name.
        tf.TensorSpec((None, None), tf.int32, name="prompt_ids"),
        tf.TensorSpec((None,), tf.int32, name="lengths"),
        tf.TensorSpec((None,), tf.int32, name="max_new_tokens"),
    ]
    if options.is_sampling:
        signature.append(tf.TensorSpec((None,), tf.int32, name="seed"))

    @tf.function(input_signature=signature, autograph=False)
    def ids(prompt_ids, lengths, max_new_tokens, seed=None):
        prompts = {"token_ids": prompt_ids, "lengths": lengths, "max_new_tokens": max_new_tokens}
        return search(
            model, prompts, options, single_loop=single_loop, seed=seed, stops=tuple(stops)
        )

    return ids


def score_function(model):
    """`token_ids (N, T), lengths (N,) int32 -> {"log_probabilities" (N, T) float32}`.

    Of each token after those before it: see `keras_attention.decoding.score_tokens`.

    Args:
        model: a `keras_attention.models.LanguageModel`.
    """
    import tensorflow as tf

    from keras_attention.decoding.score_tokens import score_tokens, scores_of_logits

    signature = [
        tf.TensorSpec((None, None), tf.int32, name="token_ids"),
        tf.TensorSpec((None,), tf.int32, name="lengths"),
    ]

    @tf.function(input_signature=signature, autograph=False)
    def score(token_ids, lengths):
        if has_steps(model):
            found = score_tokens(model, token_ids, lengths)
        else:
            logits = model({"token_ids": token_ids}, training=False)
            found = scores_of_logits(logits, token_ids, lengths)
        return {"log_probabilities": found}

    return score


def text_function(ids, tokenizer, special_ids, context, tokenizer_start=None, stop=(), n_best=1):
    """`text (N,) string, max_new_tokens (N,) int32 -> {"text" (N,), "score" (N,)}` around `ids`.

    The text is the continuation alone. With several hypotheses both outputs are (N, n_best). It
    takes a further argument `seed` (N,) int32 if `ids` does. A prompt over the context loses its
    beginning, as `prompts` says. An empty prompt gives an empty text.

    Args:
        ids: from `ids_function`.
        tokenizer: for graphs: a `tf.Module`.
        special_ids: of the model.
        context: tokens of a prompt and what follows it, at most.
        tokenizer_start: id with which the tokenizer begins a text, or None.
        stop: strings; a text ends before the first of them.
        n_best: how many hypotheses `ids` gives.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((None,), tf.string, name="text"), *ids.input_signature[2:]]

    @tf.function(input_signature=signature, autograph=False)
    def serving_default(text, max_new_tokens, seed=None):
        max_new_tokens = tf.maximum(max_new_tokens, 1)
        rows = tokenizer.tokenize(text)
        prompts, lengths = _kept(rows, max_new_tokens, context, tokenizer_start)
        seeds = [] if seed is None else [seed]
        outputs = ids(prompts, tf.maximum(lengths, 1), max_new_tokens, *seeds)
        token_ids, limits = outputs["token_ids"], tf.minimum(max_new_tokens, context + 1 - lengths)
        shape = tf.shape(token_ids)[:-1]
        has_tokens = (lengths > 0) & (tf.strings.length(text) > 0)
        if n_best > 1:
            token_ids = tf.reshape(token_ids, (-1, tf.shape(token_ids)[2]))
            limits, has_tokens = tf.repeat(limits, n_best), has_tokens[:, tf.newaxis]
        emitted = emitted_lengths(token_ids, limits, special_ids)
        texts = tokenizer.detokenize(token_ids, emitted, continues=True)
        if stop:
            pattern = f"(?s)(?:{'|'.join(map(re.escape, stop))}).*"
            texts = tf.strings.regex_replace(texts, pattern, "", replace_global=False)
        texts = tf.where(has_tokens, tf.reshape(texts, shape), "")
        return {"text": texts, "score": tf.where(has_tokens, outputs["score"], 0.0)}

    return serving_default


def _kept(rows, max_new_tokens, context, start):
    """The prompts (N, P) that are read of ragged ids, and their lengths (N,), as `prompts` says."""
    import tensorflow as tf

    lengths = tf.cast(rows.row_lengths(), tf.int32)
    # A column more, so that there is one where no prompt has a token.
    ids = tf.pad(rows.to_tensor(), [[0, 0], [0, 1]])
    least = tf.maximum(context + 1 - max_new_tokens, max(1, context // 2))
    kept = tf.where(lengths <= context, lengths, tf.minimum(least, context))
    cut = lengths - kept
    columns = tf.range(tf.maximum(tf.reduce_max(kept), 1))[tf.newaxis]
    places = columns + cut[:, tf.newaxis]
    if start is not None:
        has_start = (ids[:, 0] == start) & (kept > 1)
        places = tf.where((columns == 0) & has_start[:, tf.newaxis], 0, places)
    places = tf.minimum(places, tf.shape(ids)[1] - 1)
    return tf.gather(ids, places, batch_dims=1), kept


def emitted_lengths(token_ids, limits, special_ids):
    """How many tokens of each row (N, T) come before its end, and before its limit (N,): (N,)."""
    import tensorflow as tf

    width = tf.shape(token_ids)[1]
    last = [*special_ids.ends]
    last += [] if special_ids.padding is None else [special_ids.padding]
    columns = tf.range(width)[tf.newaxis]
    goes_on = columns < limits[:, tf.newaxis]
    if last:
        ended = tf.reduce_any(token_ids[:, :, tf.newaxis] == tf.constant(last, tf.int32), axis=2)
        first = tf.reduce_min(tf.where(ended, columns, width), axis=1)
        goes_on = goes_on & (columns < first[:, tf.newaxis])
    return tf.reduce_sum(tf.cast(goes_on, tf.int32), axis=1)


def signatures(model, options, prefill_lengths):
    """The inputs and outputs of all functions, as a manifest has them.

    Args:
        model: a `keras_attention.models.LanguageModel`.
        options: `SearchOptions` or `SamplingOptions`.
        prefill_lengths: the lengths N.
    """
    rows = ["N"] if options.n_best == 1 else ["N", options.n_best]
    limits = {"max_new_tokens": ["int32", ["N"]]}
    limits |= {"seed": ["int32", ["N"]]} if options.is_sampling else {}
    score = {"score": ["float32", rows]}
    of_ids = {
        "ids": {
            "inputs": {
                "prompt_ids": ["int32", ["N", "P"]],
                "lengths": ["int32", ["N"]],
                **limits,
            },
            "outputs": {"token_ids": ["int32", [*rows, "T"]], **score},
        },
        "score": {
            "inputs": {"token_ids": ["int32", ["N", "T"]], "lengths": ["int32", ["N"]]},
            "outputs": {"log_probabilities": ["float32", ["N", "T"]]},
        },
        **(step_signatures(model, prefill_lengths) if has_steps(model) else {}),
    }
    text = {
        "formats": [fmt.name for fmt in FORMATS.values() if fmt.takes_text],
        "inputs": {"text": ["string", ["N"]], **limits},
        "outputs": {"text": ["string", rows], **score},
    }
    return {
        "serving_default": text,
        **{name: {"formats": list(ALL_FORMATS), **entry} for name, entry in of_ids.items()},
    }


def has_steps(model):
    """Whether a model reads with a cache that a program keeps: by `prefill_N` and `decode`."""
    from keras_attention.models.block_language_model import BlockLanguageModel

    return isinstance(model, BlockLanguageModel)


def language_model_graph(
    model,
    tokenizer,
    search,
    stop=(),
    stops=(),
    single_loop=False,
    cache_length=None,
    prefill_lengths=PREFILL_LENGTHS,
):
    """The `Graph` of a language model: its functions, their signatures and how it decodes.

    Args:
        model: a `keras_attention.models.LanguageModel`.
        tokenizer: its tokenizer.
        search: `SearchOptions` or `SamplingOptions`.
        stop: strings before which a text ends.
        stops: the sequences of ids of which these are made.
        single_loop: see `ids_function`.
        cache_length: positions that the caches of `prefill_N` and `decode` hold in formats of fixed
            shapes; None for the context, at most `CACHE_LENGTH`.
        prefill_lengths: the lengths N.
    """
    context = model.max_sequence_length
    wanted = min(cache_length or CACHE_LENGTH, context)
    lengths = [n for n in prefill_lengths if n <= wanted] or [wanted]
    # LiteRT-LM fills the rest of a prompt up to the smallest N, which must not go over the end.
    capacity = -(-wanted // lengths[0]) * lengths[0]
    steps, further, resizable = {}, {"score": score_function(model)}, {}
    if has_steps(model):
        further |= step_functions(model, lengths, capacity)
        resizable = step_functions(model, lengths, None)
        sizes = {fmt.name: None if fmt.resizes else capacity for fmt in ALL_FORMATS.values()}
        steps = {"prefill_lengths": lengths, "cache_length": sizes}
    ids = ids_function(model, search, stops, single_loop)
    in_graph = tokenizer.in_graph()
    return Graph(
        ids,
        text_function(
            ids,
            in_graph,
            model.special_ids,
            context,
            tokenizer.special_ids.start,
            stop,
            search.n_best,
        ),
        {"tokenizer": in_graph},
        signatures(model, search, lengths),
        {
            "decoding": {
                "method": search.method,
                **search.to_dict(),
                "stop": list(stop),
                "context": context,
                "single_loop": single_loop,
            },
            "special_ids": model.special_ids.to_dict(),
            "forbidden_ids": list(model.forbidden_ids),
            "adds_start": tokenizer.adds_start,
            "steps": steps,
        },
        further,
        resizable,
    )
