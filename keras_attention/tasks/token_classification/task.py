"""The task of token classifiers: a label for every token. It has no training of its own."""

from keras_attention.json_file import NAMES
from keras_attention.tasks.encoder_task import (
    labels_of_model,
    output_shapes,
    require_one_a_class,
)
from keras_attention.tasks.graph import Graph
from keras_attention.tasks.ids_task import IdsTask

_LABELS = {"labels": NAMES}


class TokenClassificationTask(IdsTask):
    """Token classifiers: see `Task` for what each method is asked."""

    kind = "token-classifier"
    run_fields = {**IdsTask.run_fields, **_LABELS}
    described_fields = ("labels",)
    manifest_fields = {**IdsTask.manifest_fields, **_LABELS}

    def run_config(self, model, tokenizer, labels=None, **config):
        own = labels_of_model(model, labels)
        return super().run_config(model, tokenizer, own, **config)

    def require_fit(self, path, config, model, tokenizer):
        super().require_fit(path, config, model, tokenizer)
        require_one_a_class(path, config["labels"], output_shapes(model))

    def wrap(self, model, tokenizer, config, options=None):
        user = super().wrap(model, tokenizer, config, options)
        user.labels = config["labels"]
        return user

    def open(self, directory, runtime, manifest, options=None):
        user = super().open(directory, runtime, manifest, options)
        user.labels = manifest["labels"]
        return user

    def graph(self, user):
        graph = super().graph(user)
        fields = {**graph.fields, "labels": user.labels}
        return Graph(graph.ids, None, {}, graph.signatures, fields)

    def write_extras(self, directory, manifest):
        from keras_attention.artifacts.write_labels import write_labels

        write_labels(directory, manifest["labels"])

    def describe(self, manifest):
        yield f"labels: {', '.join(manifest['labels'])}"
        yield from super().describe(manifest)


TASK = TokenClassificationTask()
