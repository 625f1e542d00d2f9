"""The classifier of a `Classifier` with mean pooling, made of KerasHub's and PyTorch's BERT."""

import tempfile

from keras_attention import activations
from keras_attention.checkpoints import save_hugging_face, to_keras_hub
from keras_attention.models import BertEncoder

import keras
import numpy as np
from keras import ops

INPUTS = ("token_ids", "segment_ids", "padding_mask")


def keras_hub_classifier(ours):
    """KerasHub's BertBackbone with the weights of `ours`; its GELU is always the one by tanh."""
    encoder = ours.encoder
    if activations.serialize(encoder.activation) != "gelu_new":
        encoder = BertEncoder.from_config({**encoder.get_config(), "activation": "gelu_new"})
        encoder.set_weights(ours.encoder.get_weights())
    backbone = to_keras_hub(encoder)
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}
    x = backbone(inputs)["sequence_output"]
    mask = ops.cast(ops.expand_dims(inputs["padding_mask"], -1), x.dtype)
    x = ops.sum(x * mask, axis=1) / ops.sum(mask, axis=1)
    x = keras.layers.Dropout(ours.classifier_dropout)(x)
    dense = keras.layers.Dense(ours.num_classes)
    model = keras.Model(inputs, dense(x))
    dense.set_weights(ours.classifier.get_weights())
    return model


def torch_classifier(ours, quantised=False, threads=2):
    """`logits(token_ids, segment_ids, padding_mask)` by transformers on PyTorch, NumPy in and out.

    Args:
        ours: the `Classifier`.
        quantised: whether linear layers are quantised to int8 (PyTorch's dynamic quantisation).
        threads: of PyTorch.

    Raises:
        ImportError: if transformers or PyTorch is not installed.
    """
    import torch

    bert = _torch_bert(ours, threads).eval()
    if quantised:
        bert = torch.ao.quantization.quantize_dynamic(bert, {torch.nn.Linear}, dtype=torch.qint8)
    kernel, bias = (torch.from_numpy(np.array(w)) for w in ours.classifier.get_weights())

    def logits(token_ids, segment_ids, padding_mask):
        with torch.inference_mode():
            mask = torch.from_numpy(padding_mask)
            x = bert(
                input_ids=torch.from_numpy(token_ids),
                token_type_ids=torch.from_numpy(segment_ids),
                attention_mask=mask,
            ).last_hidden_state
            weights = mask[..., None].to(x.dtype)
            x = (x * weights).sum(dim=1) / weights.sum(dim=1)
            return (x @ kernel + bias).numpy()

    return logits


def _torch_bert(ours, threads, **options):
    """The `BertModel` of transformers without a pooler, with the weights of `ours`."""
    import torch
    from transformers import BertModel

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as directory:
        save_hugging_face(ours.encoder, None, f"{directory}/bert")
        return BertModel.from_pretrained(f"{directory}/bert", add_pooling_layer=False, **options)


def torch_train_function(ours, batch, compiled, threads=2):
    """A function that takes one fine-tuning step by transformers on PyTorch.

    Args:
        ours: the `Classifier` whose weights it begins with.
        batch: `(x, y)`.
        compiled: whether `torch.compile` makes one program of model and loss.
        threads: of PyTorch.

    Raises:
        ImportError: if transformers or PyTorch is not installed.
    """
    import torch

    bert = _torch_bert(ours, threads, attn_implementation="sdpa").train()
    kernel, bias = (np.array(w) for w in ours.classifier.get_weights())
    head = torch.nn.Linear(*kernel.shape)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(kernel.T.copy()))
        head.bias.copy_(torch.from_numpy(bias))
    parameters = [*bert.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, 1e-5, weight_decay=0.004, fused=True)
    x = {name: torch.from_numpy(np.asarray(array, np.int64)) for name, array in batch[0].items()}
    labels = torch.from_numpy(np.asarray(batch[1], np.int64))
    dropout = torch.nn.Dropout(ours.classifier_dropout)

    def forward():
        hidden = bert(
            input_ids=x["token_ids"],
            token_type_ids=x["segment_ids"],
            attention_mask=x["padding_mask"],
        ).last_hidden_state
        weights = x["padding_mask"][..., None].to(hidden.dtype)
        pooled = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        return torch.nn.functional.cross_entropy(head(dropout(pooled)), labels)

    if compiled:
        forward = torch.compile(forward)

    def run():
        optimizer.zero_grad(set_to_none=True)
        loss = forward()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return {"loss": float(loss.detach())}

    run(), run()
    return run
