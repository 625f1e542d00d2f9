"""Computes the next result in a thread while the current one is in use."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor


def prefetch(function, arguments):
    """The results of `function` in order; the next one is computed while one is in use.

    An exception of `function` is raised when its result is due. Closing the generator cancels the
    calls that have not begun.

    Args:
        function: function of one argument.
        arguments: iterable, which may be endless.

    Yields:
        `(argument, result, seconds of computing it, seconds of waiting for it)`.
    """

    def timed(argument):
        started = time.perf_counter()
        result = function(argument)
        return argument, result, time.perf_counter() - started

    pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    arguments = iter(arguments)
    try:
        futures = [pool.submit(timed, argument) for argument in itertools.islice(arguments, 1)]
        while futures:
            started = time.perf_counter()
            argument, result, seconds = futures.pop().result()
            waited = time.perf_counter() - started
            # Not earlier, so that there are never more than two results in memory.
            futures = [pool.submit(timed, other) for other in itertools.islice(arguments, 1)]
            yield argument, result, seconds, waited
            del result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
