"""An .onnx file in ONNX Runtime."""

from keras_attention._validation import missing_package


def signature(path, name="ids", outputs=None, num_threads=0):
    """The one signature of an .onnx file: a function of named arrays to a dict of arrays.

    Args:
        path: of the file.
        name: "ids"; an .onnx file has no other.
        outputs: the names of those that are wanted; None for all.
        num_threads: 0 lets ONNX Runtime choose.

    Raises:
        ImportError: if `onnxruntime` is not installed; names the extra.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_package("onnxruntime", "onnx") from error

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = outputs or [output.name for output in session.get_outputs()]

    def run(**inputs):
        return dict(zip(names, session.run(list(names), inputs), strict=True))

    return run
