"""Conditions that several ways in have in common: eager execution, and errors of TensorFlow as
SourceError."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from ..errors import SourceError, brief_message

Result = TypeVar('Result')


def attempt(action: Callable[[], Result], failure: str) -> Result:
    """The result of an action of TensorFlow, Keras or the user's code. If it raises, a SourceError that
    begins with `failure` and has the original error as its cause."""
    try:
        return action()
    except SourceError:
        raise
    except Exception as e:
        raise SourceError(f'{failure}. {brief_message(e)}') from e


def require_eager(way: str) -> None:
    """Raise SourceError if eager execution is off."""
    with tf.init_scope():
        if not tf.executing_eagerly():
            raise SourceError(
                f'{way} needs eager execution, which tf.compat.v1.disable_eager_execution() or '
                'disable_v2_behavior() switched off, or the graph that is the default graph here (leave its '
                'with block). Give the session that holds the model: DeepExplain(session)')
