"""One file of weights that several .onnx files share."""

import hashlib
import os
from pathlib import Path

from keras_attention.files import writing

MIN_BYTES = 1024  # what is smaller stays in the .onnx file
LARGE = 2**16  # bytes of a tensor that begins at a page, so that a runtime may map it into memory
PAGE, ALIGNMENT = 4096, 64


class OnnxData:
    """Writes tensors of ONNX models to one file, equal ones once. A context manager.

    Args:
        path: of the file, which must not be there. It stands beside the .onnx files, which name it.

    Raises:
        InputError: if it cannot be written.

    >>> with OnnxData("model.onnx.data") as data:
    ...     data.take(proto)
    """

    def __init__(self, path):
        self.path = Path(path)
        self._places = {}  # sha256 -> (offset, length)

    def __enter__(self):
        with writing(self.path):
            self._file = open(self.path, "xb")
        return self

    def __exit__(self, *error):
        with self._file, writing(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def take(self, proto):
        """Moves the large initializers of an `onnx.ModelProto`, changed in place, to the file.

        Those of the outermost graph: that is where weights stand.
        """
        from onnx import TensorProto

        for tensor in proto.graph.initializer:
            data = tensor.raw_data
            if len(data) < MIN_BYTES:
                continue
            offset, length = self._place(data)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (
                ("location", self.path.name),
                ("offset", offset),
                ("length", length),
            ):
                tensor.external_data.add(key=key, value=str(value))

    def _place(self, data):
        digest = hashlib.sha256(data).digest()
        if digest not in self._places:
            with writing(self.path):
                boundary = PAGE if len(data) >= LARGE else ALIGNMENT
                self._file.write(bytes(-self._file.tell() % boundary))
                self._places[digest] = self._file.tell(), len(data)
                self._file.write(data)
        return self._places[digest]
