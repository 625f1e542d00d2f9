"""The functions that an exported language model consists of, of ids and of strings."""

import re

from keras_attention.artifacts.formats import ALL_FORMATS, FORMATS
from keras_attention.search_options import IMPOSSIBLE
from keras_attention.tasks.graph import Graph
from keras_attention.tasks.language_model.step_functions import step_functions, step_signatures
from keras_attention.tasks.language_model.stop_text import first_stops

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


def text_function(ids, tokenizer, ends, context, tokenizer_start=None, stop=(), stops=(), n_best=1):
    """`text (N,) string, max_new_tokens (N,) int32 -> {"text" (N,), "score" (N,)}` around `ids`.

    The text is the continuation alone. With several hypotheses both outputs are (N, n_best). It
    takes a further argument `seed` (N,) int32 if `ids` does. A prompt over the context loses its
    beginning, as `prompts` says. An empty prompt gives an empty text.

    Args:
        ids: from `ids_function`.
        tokenizer: for graphs: a `tf.Module`.
        ends: ids that end a text.
        context: tokens of a prompt and what follows it, at most.
        tokenizer_start: id with which the tokenizer begins a text, or None.
        stop: strings; a text ends before the first of them, as `StopText` has it.
        stops: sequences of ids after which a row of `ids` ends.
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
        emitted = emitted_lengths(token_ids, limits, ends, stops)
        texts = tokenizer.detokenize(token_ids, emitted, continues=True)
        texts = tf.reshape(cut_at_stops(texts, stop), shape)
        is_found = outputs["score"] > IMPOSSIBLE  # a beam may give fewer
        texts = tf.where(has_tokens & is_found, texts, "")
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


def emitted_lengths(token_ids, limits, ends, stops=()):
    """How many tokens of each row are of its text, as `Ending` counts them: (N,).

    Args:
        token_ids: (N, T) int32; behind the end of a row stands anything.
        limits: (N,) int32, the tokens of a row at most.
        ends: ids that end a text and are not of it.
        stops: sequences of ids that end a text, themselves included.
    """
    import tensorflow as tf

    from keras_attention.decoding.stops import NOTHING

    width = tf.shape(token_ids)[1]
    columns = tf.range(width)[tf.newaxis]
    lengths = tf.minimum(limits, width)
    if ends:
        is_end = tf.reduce_any(token_ids[:, :, tf.newaxis] == tf.constant(ends, tf.int32), axis=2)
        lengths = tf.minimum(lengths, tf.reduce_min(tf.where(is_end, columns, width), axis=1))
    for stop in stops:
        # Shifted so that the last id of a stop stands in the column where it is complete.
        shifts = range(len(stop) - 1, -1, -1)
        before = [tf.pad(token_ids, [[0, 0], [n, 0]], constant_values=NOTHING) for n in shifts]
        found = [ids[:, :width] == token_id for ids, token_id in zip(before, stop, strict=True)]
        after = tf.where(tf.reduce_all(found, axis=0), columns + 1, width)
        lengths = tf.minimum(lengths, tf.reduce_min(after, axis=1))
    return lengths


def cut_at_stops(texts, stop):
    """Texts (N,) up to the first of the strings `stop`, as `StopText` has them: (N,)."""
    import tensorflow as tf

    if not stop:
        return texts
    pattern = f"(?s)(?:{'|'.join(map(re.escape, first_stops(stop)))}).*"
    return tf.strings.regex_replace(texts, pattern, "", replace_global=False)


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
            model.special_ids.ends,
            context,
            tokenizer.special_ids.start,
            stop,
            stops,
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
            # The start is what a prompt begins with: the tokenizer puts it there.
            "special_ids": {
                **model.special_ids.to_dict(),
                "start": tokenizer.special_ids.start,
            },
            "forbidden_ids": list(model.forbidden_ids),
            "adds_start": tokenizer.adds_start,
            "steps": steps,
        },
        further,
        resizable,
    )
