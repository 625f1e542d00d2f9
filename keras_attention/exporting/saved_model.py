"""SavedModel: strings in and out with the tokenizer in the graph, and ids in and out."""

from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_attention.decoding import search
from keras_attention.search_options import GREEDY

# What Python's str.strip leaves nothing of, as a regular expression of RE2.
BLANK = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]*"

SEED = tf.TensorSpec((None,), tf.int32, name="seed")


def ids_function(model, options=GREEDY, with_alignments=False, single_loop=False):
    """`source_ids (N, S) int32 -> {"token_ids" (N, T), "score" (N,)[, "alignment" (N, T, S)]}`.

    With an axis of hypotheses after N if `options` ask for several, with a second argument `seed`
    (N,) int32 if they are `SamplingOptions`. `single_loop` as in
    `keras_attention.decoding.search_loop`.

    The one graph that all three formats hold.
    """
    signature = [tf.TensorSpec((None, None), tf.int32, name="source_ids")]
    if options.is_sampling:
        signature.append(SEED)

    @tf.function(input_signature=signature, autograph=False)
    def ids(source_ids, seed=None):
        return search(model, source_ids, options, with_alignments, single_loop, seed)

    return ids


def text_function(ids, tokenizers, max_source_length, n_best=1):
    """`text (N,) string -> {"text" (N,) string, "score" (N,)}` around an `ids_function`.

    With several hypotheses both are (N, n_best). With a second argument `seed` (N,) int32 if `ids`
    has it.

    A blank text gives an empty text; a source over the maximum is cut.
    """
    source, target = tokenizers
    signature = [tf.TensorSpec((None,), tf.string, name="text"), *ids.input_signature[1:]]

    @tf.function(input_signature=signature, autograph=False)
    def serving_default(text, seed=None):
        rows = source.tokenize(text, max_length=max_source_length)
        seeds = [] if seed is None else [seed]
        outputs = ids(rows.to_tensor(default_value=0), *seeds)
        # END is always there; a tokenizer may make tokens of blanks.
        has_text = (rows.row_lengths() > 1) & ~tf.strings.regex_full_match(text, BLANK)
        token_ids, score = outputs["token_ids"], outputs["score"]
        if n_best > 1:
            has_text = has_text[:, tf.newaxis]
            token_ids = tf.reshape(token_ids, (-1, tf.shape(token_ids)[2]))
        translations = tf.reshape(target.detokenize(token_ids), tf.shape(score))
        return {
            "text": tf.where(has_text, translations, ""),
            "score": tf.where(has_text, score, 0.0),
        }

    return serving_default


def saved_model_ops(directory):
    """The names of the operators in a SavedModel, those of its functions included."""
    definition = saved_model_pb2.SavedModel.FromString(
        (Path(directory) / "saved_model.pb").read_bytes()
    )
    graph = definition.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    return sorted({node.op for node in nodes} - functions)


def write_saved_model(
    directory, model, tokenizer, options=GREEDY, with_alignments=False, single_loop=False
):
    """Writes a SavedModel with the signatures `serving_default` (strings) and `ids`.

    By `ExportArchive`: what `tf.saved_model.save` makes of Keras objects loads in Python only, not
    in TF Serving's C++ loader.
    """
    tokenizers = tokenizer.in_graph()
    holder = tf.Module(name="tokenizers")
    holder.source, holder.target = tokenizers
    ids = ids_function(model, options, with_alignments, single_loop)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.track(holder)
    text = text_function(ids, tokenizers, model.max_sequence_length, options.n_best)
    archive.add_endpoint("serving_default", text)
    archive.add_endpoint("ids", ids)
    archive.write_out(str(directory), verbose=False)
