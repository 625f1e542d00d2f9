"""The environment variables that make TensorFlow fast on a CPU, set before it is imported."""

import glob
import json
import os
import platform
import re
import sys

ALLOCATOR, ONEDNN = "TF_CPU_ALLOCATOR_USE_BFC", "TF_ENABLE_ONEDNN_OPTS"
LIMIT = "TF_CPU_BFC_MEM_LIMIT_IN_MB"
LIMIT_OF_TENSORFLOW = 65_536  # MB that the allocator takes at most unless `LIMIT` says more
# What there is on a machine with a GPU that TensorFlow of PyPI can use, which is one of NVIDIA. In
# WSL, Windows' driver of NVIDIA brings a library; /dev/dxg is there for graphics of any make.
GPU_FILES = ("/dev/nvidia[0-9]*", "/usr/lib/wsl/lib/libcuda.so*")
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
# CUDA reads numbers and names up to the first that is neither; one that begins otherwise hides all.
VISIBLE = re.compile(r"\s*(\d|GPU-|MIG-)")


def set_environment():
    """Sets what is not set yet, on a Linux machine with an x86 processor and no visible GPU.

    `import keras_attention` calls it. Nothing is set on other machines, for Keras on JAX, or when
    TensorFlow has been imported already, which reads these variables only then.
    docs/environment.md says what they do.
    """
    if "tensorflow" in sys.modules or _backend() != "tensorflow" or not _is_plain_cpu():
        return
    for name, value in recommended(_megabytes()).items():
        os.environ.setdefault(name, value)


def recommended(megabytes):
    """The variables and their values for a machine with so much memory.

    >>> recommended(megabytes=100_000)
    {'TF_CPU_ALLOCATOR_USE_BFC': '1', 'TF_ENABLE_ONEDNN_OPTS': '1', \
'TF_CPU_BFC_MEM_LIMIT_IN_MB': '100000'}
    """
    limit = {LIMIT: str(megabytes)} if megabytes > LIMIT_OF_TENSORFLOW else {}
    return {ALLOCATOR: "1", ONEDNN: "1", **limit}


def _backend():
    """The backend that Keras has, or will have, without importing Keras.

    By the rule of `keras/src/backend/config.py`. What Keras cannot read it refuses by itself.
    """
    keras = sys.modules.get("keras")
    if hasattr(keras, "backend"):
        return keras.backend.backend()
    return os.environ.get("KERAS_BACKEND") or _backend_of_file()


def _backend_of_file():
    home = os.environ.get("KERAS_HOME")  # empty, it is the working directory
    if home is None:
        home = os.path.expanduser("~")
        home = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    try:
        with open(os.path.expanduser(os.path.join(home, "keras.json"))) as file:
            return json.load(file).get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):  # no such file, or none that Keras could read
        return "tensorflow"


def _is_plain_cpu():
    if platform.system() != "Linux" or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    visible = os.environ.get(VISIBLE_GPUS)
    if visible is not None and not VISIBLE.match(visible):
        return True
    return not any(glob.glob(pattern) for pattern in GPU_FILES)


def _megabytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
