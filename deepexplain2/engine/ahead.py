"""What is needed next is made while TensorFlow runs."""

from __future__ import annotations

import _thread
import queue
from collections.abc import Callable, Iterator
from typing import TypeVar

Item = TypeVar('Item')
Made = TypeVar('Made')


def ahead(items: Iterator[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
    """Items, each with what is made of it; that of the next item is made in a thread while the caller has
    TensorFlow, which releases the GIL, run one.

    Every item gets a thread that makes its part and ends. None ever waits, so that there is nothing to end
    or to clean up after an error or Ctrl-C, which may come between any two lines here. The bare threads of
    `_thread` start in one step; those of `threading`, and its pools, hold locks while they start and stop,
    and an interrupt there hangs.
    """
    made: queue.SimpleQueue[tuple[list[Made], BaseException | None]] = queue.SimpleQueue()

    def work(item):
        try:
            made.put(([make(item)], None))
        except BaseException as e:              # raised where it is wanted
            made.put(([], e))

    item = next(items, None)
    following = next(items, None)
    parts = [make(item)] if item is not None else []
    while item is not None:
        if following is not None:
            _thread.start_new_thread(work, (following,))
        yield item, parts[0]
        if following is not None:
            parts, error = made.get()
            if error is not None:
                raise error
        item, following = following, next(items, None)
