"""A SavedModel as a graph."""

from __future__ import annotations

import os

import tensorflow as tf

from ..errors import SourceError, shown
from ..kinds import SAVED_MODEL, path_of
from .concrete_function import from_concrete_function
from .guards import attempt, require_eager
from .source import Source


def from_saved_model(path: str | os.PathLike, signature: str) -> Source:
    """One signature of a SavedModel of TensorFlow 2, Keras or TensorFlow 1.

    Parameters
    ----------
    path : str or path
        The folder that holds saved_model.pb.
    signature : str
        Name of the signature.

    Raises
    ------
    SourceError
        If there is no SavedModel at `path`, if it cannot be loaded or frozen, or if it has no such signature;
        the message lists the signatures that it has.
    """
    require_eager('from_saved_model')
    path = path_of(path, 'from_saved_model', SAVED_MODEL)
    loaded = attempt(lambda: tf.saved_model.load(path), f'from_saved_model cannot load {path!r}')
    if not isinstance(signature, str) or signature not in loaded.signatures:
        raise SourceError(f'the SavedModel at {path!r} has no signature {shown(signature)}. It has: '
                          + (', '.join(sorted(loaded.signatures)) or 'none'))
    return from_concrete_function(loaded.signatures[signature], 'from_saved_model')
