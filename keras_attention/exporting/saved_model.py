"""SavedModel: strings in and out with the tokenizer in the graph, and ids in and out."""

import keras
import tensorflow as tf

# What Python's str.strip leaves nothing of, as a regular expression of RE2.
BLANK = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]*"


def ids_function(model, max_length=None, with_alignments=False):
    """`source_ids (N, S) int32 -> {"token_ids" (N, T), "score" (N,)[, "alignment" (N, T, S)]}`.

    The one graph that all three formats hold.
    """

    @tf.function(
        input_signature=[tf.TensorSpec((None, None), tf.int32, name="source_ids")], autograph=False
    )
    def ids(source_ids):
        return model.generate(source_ids, max_length, return_alignment=with_alignments)

    return ids


def text_function(ids, tokenizers, max_source_length):
    """`text (N,) string -> {"text" (N,) string, "score" (N,)}` around an `ids_function`.

    A blank text gives an empty text; a source over the maximum is cut.
    """
    source, target = tokenizers

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")], autograph=False)
    def serving_default(text):
        rows = source.tokenize(text, max_length=max_source_length)
        outputs = ids(rows.to_tensor(default_value=0))
        # END is always there; a tokenizer may make tokens of blanks.
        has_text = (rows.row_lengths() > 1) & ~tf.strings.regex_full_match(text, BLANK)
        return {
            "text": tf.where(has_text, target.detokenize(outputs["token_ids"]), ""),
            "score": tf.where(has_text, outputs["score"], 0.0),
        }

    return serving_default


def write_saved_model(directory, model, tokenizer, max_length=None, with_alignments=False):
    """Writes a SavedModel with the signatures `serving_default` (strings) and `ids`.

    By `ExportArchive`: what `tf.saved_model.save` makes of Keras objects loads in Python only, not
    in TF Serving's C++ loader.
    """
    tokenizers = tokenizer.in_graph()
    holder = tf.Module(name="tokenizers")
    holder.source, holder.target = tokenizers
    ids = ids_function(model, max_length, with_alignments)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.track(holder)
    text = text_function(ids, tokenizers, model.max_sequence_length)
    archive.add_endpoint("serving_default", text)
    archive.add_endpoint("ids", ids)
    archive.write_out(str(directory), verbose=False)
