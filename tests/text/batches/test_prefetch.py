import itertools
import threading

import pytest

from keras_attention.text.batches.prefetch import prefetch


def test_results_come_in_order_and_the_next_is_made_meanwhile():
    begun = [threading.Event() for _ in range(4)]

    def work(number):
        begun[number].set()
        return number * number

    ahead = prefetch(work, range(4))
    for number, (argument, result, seconds, waited) in enumerate(ahead):
        assert (argument, result) == (number, number * number)
        assert seconds >= 0 and waited >= 0
        if number < 3:
            assert begun[number + 1].wait(30)
        assert not any(event.is_set() for event in begun[number + 2 :])
    assert number == 3


def test_nothing_to_do():
    assert list(prefetch(None, [])) == []


def test_an_error_comes_when_its_result_is_due():
    ahead = prefetch(lambda number: 1 // number, [1, 0])
    assert next(ahead)[1] == 1
    with pytest.raises(ZeroDivisionError):
        next(ahead)


def test_closing_gives_up_what_has_not_begun():
    ahead = prefetch(lambda number: number, itertools.count())
    assert [next(ahead)[1] for _ in range(3)] == [0, 1, 2]
    ahead.close()
    assert list(ahead) == []
