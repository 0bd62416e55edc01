"""Errors of TensorFlow as errors of the library, which say what could not be done and what to do."""

from __future__ import annotations

import contextlib
import itertools
import traceback
from collections.abc import Iterator, Sequence

import tensorflow as tf

from ..errors import DeepExplainError, PathError, RunError
from ..graph.python_calls import raised


@contextlib.contextmanager
def reported(what: str) -> Iterator[None]:
    """Raise what TensorFlow raises while a session works as a RunError. what: what is being computed."""
    try:
        yield
    except DeepExplainError:
        raise
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError) as e:
        # a session that is closed, or is not TensorFlow's own, raises the last three
        message = e.message if isinstance(e, tf.errors.OpError) else str(e)
        of_python = raised(message)
        if of_python is not None:
            raise of_python from of_python.__cause__
        raise RunError(f'TensorFlow could not compute {what}: {_cause(message) or type(e).__name__}'
                       + ('. Run the initializer of the variables, or restore a checkpoint, in this session'
                          if isinstance(e, tf.errors.FailedPreconditionError) else '')
                       + ('. XLA cannot compile this: leave jit_compile out' if 'tf2xla' in message
                          else '')) from e


@contextlib.contextmanager
def built(target: tf.Tensor, inputs: Sequence[tf.Tensor], method: str) -> Iterator[None]:
    """Raise what TensorFlow raises while ops are copied and differentiated for a method as a PathError."""
    try:
        yield
    except DeepExplainError:
        raise
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError, LookupError) as e:
        if _is_of_author(e):
            raise
        names = ', '.join(f'"{x.name}"' for x in inputs)
        raise PathError(f'{method} cannot follow the ops between X {names} and T "{target.name}". '
                        f'TensorFlow says: {str(e)[:500]}. Choose a T '
                        'before or an X behind what it names, or use a perturbation method') from e


def _is_of_author(error: BaseException) -> bool:
    """Whether an error was raised by the lines of `Method.query` themselves, not by what they call."""
    return traceback.extract_tb(error.__traceback__)[-1].name == 'query'


def _cause(message: str) -> str:
    """The sentence in an error of TensorFlow that says what happened: it follows the last place in the graph
    that is named."""
    _, _, placed = message.partition('Node: ')
    lines = placed.splitlines()[1:] if placed else message.splitlines()
    said = [line for line in lines if line.strip() and '[[{{node' not in line]
    said = list(itertools.takewhile(
        lambda line: not line.strip().startswith(('The op is created at', 'Stack trace', 'tf2xla')), said))
    return ' '.join(said)[:500]
