"""A Keras model as a graph."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...errors import SourceError
from ...kinds import KERAS, KERAS_FOLDER, is_keras_model, path_of, way_in
from ..concrete_function import check_outputs, variable_handles
from ..freezing import freeze
from ..guards import require_eager
from ..signature import as_signature
from ..source import Source
from .loading import load
from .trace import trace


def from_keras(model: Any, input_signature: Any, custom_objects: Mapping[str, Any] | None = None) -> Source:
    """A Keras 3 or tf_keras model in inference mode.

    Parameters
    ----------
    model : Keras model, str or path
        The model, or the path of a saved one.
    input_signature : list or dict of tf.TensorSpec, optional
        What the model takes, if it does not say, or leaves sizes open.
    custom_objects : dict, optional
        Classes and functions that a file names.

    Raises
    ------
    SourceError
        If `model` is no Keras model, the signature is missing or does not fit, or loading, tracing or
        freezing fails.
    """
    require_eager('from_keras')
    if isinstance(model, (str, bytes, os.PathLike)):
        model = load(path_of(model, 'from_keras', KERAS, KERAS_FOLDER), custom_objects)
    elif custom_objects is not None:
        raise SourceError('from_keras takes custom_objects together with the path of a model, not with '
                          f'{type(model).__name__}: they are the classes that a file names')
    if not is_keras_model(model):
        raise SourceError(f'from_keras takes a Keras model or the path of one, not '
                          f'{type(model).__name__}{way_in(model)}')
    if isinstance(input_signature, Mapping):
        as_signature([input_signature], 'from_keras')
    elif input_signature is not None:
        input_signature = as_signature(input_signature, 'from_keras')
    traced = trace(model, input_signature)
    check_outputs(traced.concrete, 'from_keras', len(traced.named))
    graph, inputs, outputs, named, places = freeze(traced.concrete, 'from_keras', traced.named)
    output_at = dict(zip(places, outputs))
    return Source(
        graph, inputs, outputs,
        input_names=[(name, inputs[k]) for name, k in traced.input_names],
        output_names=[(name, output_at[k]) for name, k in traced.output_names if k in output_at],
        output_keys=[key for k, key in enumerate(traced.output_keys) if k in output_at],
        layers=[replace(output, tensor=named.get(id(output.tensor))) for output in traced.layers],
        symbolic={i: (symbol, [(label, named.get(id(t))) for label, t in meant])
                  for i, (symbol, meant) in traced.symbolic.items()},
        original=lambda *x: [t for k, t in enumerate(traced.original(*x)) if k in output_at],
        specs=traced.specs, states=variable_handles(traced.concrete),
        preprocess=traced.preprocess)
