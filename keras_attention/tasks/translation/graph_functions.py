"""The functions that an exported translator consists of: one of ids, and one of strings."""

from keras_attention.artifacts.formats import FORMATS
from keras_attention.decoding import search as search_with
from keras_attention.search_options import GREEDY
from keras_attention.tasks.graph import Graph
from keras_attention.tasks.translation.one_end import one_end

# What Python's str.strip leaves nothing of, as a regular expression of RE2.
BLANK = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]*"


def ids_function(
    model,
    options=GREEDY,
    with_alignments=False,
    single_loop=False,
    shortlist=None,
    end=None,
    without_scores=False,
):
    """`source_ids (N, S) int32 -> {"token_ids" (N, T), "score" (N,)[, "alignment" (N, T, S)]}`.

    With several hypotheses all outputs have an axis of them after N. A model that samples takes a
    second argument `seed` (N,) int32. All formats hold this one graph.

    Args:
        model: a `keras_attention.models.Translator`.
        options: `SearchOptions` or `SamplingOptions`.
        with_alignments: whether there is the output "alignment".
        single_loop: see `keras_attention.decoding.search_loop`.
        shortlist: the `LexicalShortlist` that `options` may ask for.
        end: the tokenizer's end, for a model with several: see `one_end`.
        without_scores: whether there is no output "score": see `keras_attention.decoding.search`.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None), tf.int32, name="source_ids")]
    if options.is_sampling:
        signature.append(tf.TensorSpec((None,), tf.int32, name="seed"))

    @tf.function(input_signature=signature, autograph=False)
    def ids(source_ids, seed=None):
        found = search_with(
            model,
            source_ids,
            options,
            with_alignments,
            single_loop,
            seed,
            shortlist,
            return_score=not without_scores,
        )
        return one_end(found, model.special_ids, end)

    return ids


def text_function(ids, tokenizers, max_source_length, n_best=1):
    """`text (N,) string -> {"text" (N,) string, "score" (N,)}` around an `ids_function`.

    With several hypotheses both outputs are (N, n_best). It takes a second argument `seed` (N,)
    int32 if `ids` does, and gives no score if `ids` gives none. A blank text gives an empty text; a
    source over the maximum is cut.

    Args:
        ids: from `ids_function`.
        tokenizers: those of source and target, for graphs. The source's padding fills rows of ids.
        max_source_length: tokens that are read.
        n_best: how many hypotheses `ids` gives.
    """
    import tensorflow as tf

    source, target = tokenizers
    signature = [tf.TensorSpec((None,), tf.string, name="text"), *ids.input_signature[1:]]

    @tf.function(input_signature=signature, autograph=False)
    def serving_default(text, seed=None):
        rows = source.tokenize(text, max_length=max_source_length)
        seeds = [] if seed is None else [seed]
        outputs = ids(rows.to_tensor(default_value=source.special_ids.padding), *seeds)
        # END is always there; a tokenizer may make tokens of blanks.
        has_text = (rows.row_lengths() > 1) & ~tf.strings.regex_full_match(text, BLANK)
        token_ids = outputs["token_ids"]
        shape = tf.shape(token_ids)[:-1]
        if n_best > 1:
            has_text = has_text[:, tf.newaxis]
            token_ids = tf.reshape(token_ids, (-1, tf.shape(token_ids)[2]))
        translations = tf.reshape(target.detokenize(token_ids), shape)
        found = {"text": tf.where(has_text, translations, "")}
        if "score" in outputs:
            found["score"] = tf.where(has_text, outputs["score"], 0.0)
        return found

    return serving_default


def signatures(options, with_alignments, without_scores):
    """The inputs and outputs of both, as a manifest has them.

    Args:
        options: `SearchOptions` or `SamplingOptions`.
        with_alignments, without_scores: see `ids_function`.
    """
    rows = ["N"] if options.n_best == 1 else ["N", options.n_best]
    seed = {"seed": ["int32", ["N"]]} if options.is_sampling else {}
    score = {} if without_scores else {"score": ["float32", rows]}
    outputs = {"token_ids": ["int32", [*rows, "T"]], **score}
    if with_alignments:
        outputs["alignment"] = ["float32", [*rows, "T", "S"]]
    return {
        "serving_default": {
            "formats": [fmt.name for fmt in FORMATS.values() if fmt.takes_text],
            "inputs": {"text": ["string", ["N"]], **seed},
            "outputs": {"text": ["string", rows], **score},
        },
        "ids": {
            "formats": list(FORMATS),
            "inputs": {"source_ids": ["int32", ["N", "S"]], **seed},
            "outputs": outputs,
        },
    }


def translator_graph(
    model, tokenizer, search, with_alignments=False, single_loop=False, without_scores=False
):
    """The `Graph` of a translator: both functions, their signatures and how it decodes.

    Args:
        model: a `keras_attention.models.Translator`.
        tokenizer: its `TranslationTokenizer`.
        search: `SearchOptions` or `SamplingOptions`.
        with_alignments, single_loop, without_scores: see `ids_function`.
    """
    ids = ids_function(
        model,
        search,
        with_alignments,
        single_loop,
        tokenizer.shortlist,
        tokenizer.special_ids.end,
        without_scores,
    )
    tokenizers = tokenizer.in_graph()
    decoding = {
        "method": search.method,
        **search.to_dict(),
        "extra_length": model.extra_length,
        "max_source_length": model.max_sequence_length,
        "with_alignments": with_alignments,
        "single_loop": single_loop,
        "without_scores": without_scores,
    }
    return Graph(
        ids,
        text_function(ids, tokenizers, model.max_sequence_length, search.n_best),
        dict(zip(("source", "target"), tokenizers, strict=True)),
        signatures(search, with_alignments, without_scores),
        {"decoding": decoding, "special_ids": tokenizer.special_ids.to_dict()},
    )
