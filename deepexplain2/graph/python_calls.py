"""Functions of NumPy arrays as TensorFlow calls them: what they are given, what they give, what they raise.

TensorFlow makes text of what Python raises inside of an op. The function keeps the error itself until the
call of the session has failed, and `raised` finds it by numbers in that text.
"""

from __future__ import annotations

import itertools
import re
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..errors import RunError, ShapeError, first_line
from ..tensors import shape_text
from ..values import refuse_lossy

_numbers = itertools.count()
_functions: weakref.WeakValueDictionary[int, ArrayFunction] = weakref.WeakValueDictionary()


class Output(NamedTuple):
    """What is known of one output. name: its place in what the function returns, '' where that is an array
    alone."""
    name: str
    dtype: tf.DType
    shape: tf.TensorShape


class WrongAnswer(Exception):
    """What the function returned is not what was expected."""


class Raised(Exception):
    """What TensorFlow is told of an error: its text, and the number under which it is kept."""


class ArrayFunction:
    """A function of NumPy arrays, to be called with a flat list of arrays.

    Parameters
    ----------
    fn : callable
        Takes one argument per entry of `arguments`.
    arguments : list
        tf.TensorSpec, or dicts, tuples and lists of them.
    outputs : list of Output, optional
        What fn returns; None until it is known.
    """

    def __init__(self, fn: Callable, arguments: Sequence[Any], outputs: Sequence[Output] | None = None):
        self._fn, self._arguments, self.outputs = fn, list(arguments), outputs
        self.specs = tf.nest.flatten(self._arguments)
        self.name = getattr(fn, '__qualname__', None) or type(fn).__name__
        self._number = next(_numbers)
        _functions[self._number] = self
        self._failed = threading.local()        # of the last call in a thread that failed: its number, error

    def answer(self, arrays: Sequence[np.ndarray]) -> Any:
        """What fn returns for copies of these arrays: it may write into them."""
        return self._fn(*tf.nest.pack_sequence_as(self._arguments, [np.array(a) for a in arrays]))

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """One array per output, in memory of its own: fn may use that of its answer again."""
        try:
            assert self.outputs is not None
            found = dict(leaves(self.answer(arrays)))
            if list(found) != [o.name for o in self.outputs] and set(found) != {o.name for o in self.outputs}:
                raise WrongAnswer(f'returned {_listed(found)}, and {_listed([o.name for o in self.outputs])} '
                                  f'is expected')
            rows = self.rows(arrays)
            return [as_output(found[o.name], o, rows) for o in self.outputs]
        except BaseException as e:                      # Ctrl-C too, which TensorFlow would make a text of
            number = next(_numbers)
            self._failed.last = number, self._described(e, arrays)
            raise Raised(f'{type(e).__name__}: {e} [call {number} of function {self._number}]') from e

    def failure(self, number: int) -> BaseException | None:
        """The error of a call in this thread, if it was the last one that failed; it is kept no longer."""
        if getattr(self._failed, 'last', (None, None))[0] != number:
            return None
        return vars(self._failed).pop('last')[1]

    def rows(self, arrays: Sequence[np.ndarray]) -> set[int]:
        """How many rows an answer may have: what is fed for tensors with an open first axis, which is one
        number unless some of it is shared by all rows."""
        with_axis = [(a, s) for a, s in zip(arrays, self.specs) if np.ndim(a)]
        is_open = [a for a, s in with_axis if s.shape.rank is None or s.shape.as_list()[0] is None]
        return {len(a) for a in is_open or [a for a, _ in with_axis]}

    def _described(self, error: BaseException, arrays: Sequence[np.ndarray]) -> BaseException:
        """The error to be raised by whoever called the session."""
        if not isinstance(error, Exception):
            return error
        shapes = ', '.join(str(np.shape(a)) for a in arrays)
        if isinstance(error, WrongAnswer):
            return RunError(f'the function "{self.name}", called with arrays of shape {shapes}, {error}')
        described = RunError(f'the function "{self.name}" failed for arrays of shape {shapes}: '
                             f'{place_of(error)}')
        described.__cause__ = error
        return described


def raised(message: str) -> BaseException | None:
    """The error that an ArrayFunction raised in this thread, found by the message that TensorFlow made of
    it."""
    for number, function in re.findall(r'\[call (\d+) of function (\d+)\]', message):
        called = _functions.get(int(function))
        error = called and called.failure(int(number))
        if error:
            return error
    return None


def place_of(error: BaseException) -> str:
    """The type and message of an error, and the file and line where it was raised."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return (f'{type(error).__name__}: {first_line(error) if isinstance(error, Exception) else error} '
            f'({at.filename}, line {at.lineno}, in {at.name})')


def leaves(answer: Any, name: str = '') -> Iterator[tuple[str, Any]]:
    """(name, value) of every output in what a function returns: those of dicts by key, of tuples by field or
    position, 'a/0' inside one another. Anything else, a list too, is one output."""
    if isinstance(answer, Mapping):
        pairs = list(answer.items())
    elif isinstance(answer, tuple):
        pairs = list(zip(getattr(answer, '_fields', range(len(answer))), answer))
    else:
        yield name, answer
        return
    for key, value in pairs:
        yield from leaves(value, f'{name}/{key}' if name else str(key))


def as_numbers(value: Any, name: str) -> np.ndarray:
    """An output as an array of numbers, which may share memory with it."""
    what = f'returned for output "{name}"' if name else 'returned'
    try:
        if type(value).__module__.partition('.')[0] != 'pandas':
            refuse_lossy(value, 'numbers', 'this')
        array = np.asarray(value)
    except ShapeError as e:
        raise WrongAnswer(f'{what} {type(value).__name__}: {e}') from None
    except Exception as e:
        raise WrongAnswer(f'{what} {type(value).__name__}, of which NumPy makes no array '
                          f'({type(e).__name__}: {first_line(e)})') from e
    is_small_float = array.dtype.kind == 'V' and not issubclass(array.dtype.type, np.void)      # bfloat16
    if array.dtype.kind not in 'fiub' and not is_small_float:
        raise WrongAnswer(f'{what} {type(value).__name__} of dtype {str(array.dtype)[:60]}, which holds no '
                          f'numbers: return an array of floats; several outputs as a tuple or a dict')
    return array


def as_rows(value: Any, name: str, rows: set[int]) -> np.ndarray:
    """As `as_numbers`, with one entry per row. rows: how many there may be."""
    array = as_numbers(value, name)
    if not array.ndim or len(array) not in rows:
        what = f' for output "{name}"' if name else ''
        raise WrongAnswer(f'returned shape {array.shape}{what}: one entry per row is expected, '
                          f'{" or ".join(map(str, sorted(rows)))} of them. Several outputs are returned as a '
                          f'tuple or a dict')
    return array


def as_output(value: Any, output: Output, rows: set[int]) -> np.ndarray:
    """The array that TensorFlow is given for an output."""
    array, name = as_rows(value, output.name, rows), f' for output "{output.name}"' if output.name else ''
    if not output.shape.is_compatible_with(array.shape):
        raise WrongAnswer(f'returned shape {array.shape}{name}, where {shape_text(output.shape)} is '
                          f'expected. If its size may change, give output_signature with None for that axis')
    dtype = output.dtype.as_numpy_dtype
    with np.errstate(over='ignore', invalid='ignore'):
        result = np.array(array, dtype, order='C')
    if not output.dtype.is_floating and array.dtype != dtype and not np.array_equal(array, result):
        raise WrongAnswer(f'returned {array.dtype}{name} with values that {output.dtype.name} cannot hold, '
                          f'which is expected. Give output_signature with the dtype of what it returns')
    return result


def _listed(names: Any) -> str:
    names = list(names)
    return 'one array' if names == [''] else 'outputs ' + ', '.join(f'"{n}"' for n in names)
