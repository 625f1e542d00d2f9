"""How many processors this process may use."""

import os
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # of control groups, version 2: "QUOTA PERIOD"


def processors():
    """The processors that this process may use, at least 1.

    A container or `taskset` may leave fewer than the machine has.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        count = os.cpu_count() or 1
    return max(1, min(count, _quota(count)))


def _quota(otherwise):
    """How many processors' time the control group has, rounded up."""
    try:
        quota, period = CPU_MAX.read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or no limit
        return otherwise
