"""The environment variables that make TensorFlow fast on a CPU, set before it is imported."""

import glob
import json
import os
import platform
import sys
from pathlib import Path

ALLOCATOR, ONEDNN = "TF_CPU_ALLOCATOR_USE_BFC", "TF_ENABLE_ONEDNN_OPTS"
LIMIT = "TF_CPU_BFC_MEM_LIMIT_IN_MB"
LIMIT_OF_TENSORFLOW = 65_536  # MB that the allocator takes at most unless `LIMIT` says more
# What there is on a machine with a GPU that TensorFlow may find: of NVIDIA, of AMD, in WSL.
GPU_FILES = ("/dev/nvidia[0-9]*", "/proc/driver/nvidia/gpus/*", "/dev/kfd", "/dev/dxg")
# The variables that may hide all GPUs, and the values that do.
HIDING, HIDDEN = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), ("", "-1", "NoDevFiles")


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


def _is_plain_cpu():
    if platform.system() != "Linux" or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    if any(os.environ.get(name) in HIDDEN for name in HIDING):
        return True
    return not any(glob.glob(pattern) for pattern in GPU_FILES)


def _backend():
    """The backend that Keras has, or will have, without importing Keras."""
    keras = sys.modules.get("keras")
    if hasattr(keras, "backend"):
        return keras.backend.backend()
    if "KERAS_BACKEND" in os.environ:
        return os.environ["KERAS_BACKEND"] or "tensorflow"
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    try:
        config = json.loads(Path(home, "keras.json").read_text(encoding="utf-8"))
        return config.get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):  # no such file, or none that Keras could read
        return "tensorflow"


def _megabytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
