"""Work that is done in a thread before it is asked for."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor


def prefetch(function, arguments):
    """`function` of each argument in order; while one result is in use the next is being made.

    What `function` raises is raised when its result is due. Closing the generator gives up what has
    not begun.

    Args:
        function: of one argument.
        arguments: iterable, which may have no end.

    Yields:
        `(argument, result, seconds that it took, seconds of waiting for it)`.
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
            # Only now: never are more than two results held.
            futures = [pool.submit(timed, other) for other in itertools.islice(arguments, 1)]
            yield argument, result, seconds, waited
            del result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
