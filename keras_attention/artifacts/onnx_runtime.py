"""An .onnx file in ONNX Runtime."""

from keras_attention._validation import missing_package


def onnx_function(path, outputs, num_threads=0):
    """A function of named arrays that gives the list of `outputs` of an .onnx file.

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
    return lambda **inputs: session.run(outputs, inputs)


def onnx_generate(path, num_threads=0):
    """`generate(source_ids[, seed]) -> (token_ids, score)` by an .onnx file."""
    run = onnx_function(path, ["token_ids", "score"], num_threads)

    def generate(source_ids, **seeds):
        token_ids, score = run(source_ids=source_ids, **seeds)
        return token_ids, score

    return generate
