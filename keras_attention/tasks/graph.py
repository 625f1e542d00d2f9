"""What all formats of an artifact hold."""

import dataclasses


@dataclasses.dataclass
class Graph:
    """What all formats of an artifact hold: functions, and what a manifest says of them.

    Args:
        ids: `tf.function` of ids to a dict of tensors, the signature `ids`.
        text: `tf.function` of strings around it, the signature `serving_default`; None for none.
        modules: dict of the `tf.Module`s that `text` uses, by name.
        signatures: dict from a signature to its "formats", "inputs" and "outputs".
        fields: further fields of the manifest.
        further: dict from the name of a further signature to its `tf.function`.
        resizable: those of `further` once more whose shapes are static there and need not be, for
            formats that can do without.
    """

    ids: object
    text: object
    modules: dict
    signatures: dict
    fields: dict
    further: dict = dataclasses.field(default_factory=dict)
    resizable: dict = dataclasses.field(default_factory=dict)
