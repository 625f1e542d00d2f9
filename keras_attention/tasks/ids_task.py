"""What encoders, token classifiers and masked LMs share: a vector or logits for every token."""

from keras_attention._validation import InputError, with_article
from keras_attention.json_file import is_size, is_string
from keras_attention.tasks.encoder_task import EncoderTask, output_shapes, require_named_output
from keras_attention.tasks.graph import Graph

PHRASES = 100  # of the built-in corpus, to compare formats on

_LENGTH = ("an integer of at least 3", lambda value: is_size(value) and value > 2)


class IdsTask(EncoderTask):
    """A task without strings in its artifacts: they hold the signature `ids` alone.

    Attributes:
        output: name of the array that is wanted of the model's outputs.
    """

    output = "logits"
    run_fields = {"max_sequence_length": _LENGTH}
    manifest_fields = {"max_length": _LENGTH, "output": ("a name", is_string)}

    def outputs(self, model):
        """The names of the model's outputs that an artifact holds."""
        return [self.output]

    def require_fit(self, path, config, model, tokenizer):
        super().require_fit(path, config, model, tokenizer)
        shape = output_shapes(model)
        shape = shape.get(self.output) if isinstance(shape, dict) else shape
        if shape is None or len(shape) != 3:
            raise InputError(
                f"{path}/model.keras: expected {with_article(self.kind)}, whose output is "
                f"{self.output} (B, T, ...). Received: a {type(model).__name__} whose output is "
                f"{output_shapes(model)}"
            )

    def wrap(self, model, tokenizer, config, options=None):
        from keras_attention.tasks.ids_model import ids_graph, keras_ids_model

        ids = ids_graph(model, tokenizer.padding_id, self.outputs(model))
        length = config["max_sequence_length"]
        return keras_ids_model(model, tokenizer, ids, self.output, length)

    def require_manifest(self, path, manifest):
        labels = manifest["labels"] if "labels" in self.manifest_fields else None
        require_named_output(path, manifest, manifest["output"], labels)

    def open(self, directory, runtime, manifest, options=None):
        from keras_attention.tasks.ids_model import artifact_ids_model

        tokenizer = self.load_tokenizer(f"{directory}/tokenizer")
        return artifact_ids_model(directory, runtime, manifest, tokenizer)

    def examples(self, config, precision, say):
        from keras_attention.tasks.comparison import BUILT_IN_TEXTS
        from keras_attention.text.corpora.phrase_corpus import phrase_corpus

        return phrase_corpus(PHRASES, split="valid")[0], BUILT_IN_TEXTS

    def graph(self, user):
        from keras_attention.artifacts.formats import FORMATS

        outputs = {
            name: ["float32", ["N", *(["T"] if len(shape) == 3 else []), shape[-1]]]
            for name, shape in self.shapes(user.model).items()
        }
        inputs = {name: ["int32", ["N", "T"]] for name in ("token_ids", "segment_ids")}
        signatures = {"ids": {"formats": list(FORMATS), "inputs": inputs, "outputs": outputs}}
        special_ids = user.tokenizer.special_ids.to_dict()
        fields = {
            "max_length": user.max_length,
            "output": self.output,
            "special_ids": special_ids,
        }
        return Graph(user.ids, None, {}, signatures, fields)

    def shapes(self, model):
        """The shapes of the outputs that an artifact holds, a dict by name."""
        shape = output_shapes(model)
        found = shape if isinstance(shape, dict) else {self.output: shape}
        return {name: found[name] for name in self.outputs(model)}

    def comparison(self, user, examples):
        from keras_attention.tasks.ids_comparison import IdsComparison

        return IdsComparison(user, examples)

    def describe(self, manifest):
        yield f"gives {manifest['output']} of texts of at most {manifest['max_length']} tokens"
