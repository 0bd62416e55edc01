"""The graph that a way in makes of a model, and the names of its tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from .names import LayerOutput

# A Keras symbolic tensor, and the pairs (description, tensor of the graph) that it may stand for.
SymbolicTensor = tuple[Any, list[tuple[str, 'tf.Tensor | None']]]


@dataclass
class Source:
    """A graph with constants for weights, and the names that its tensors have in the model.

    Parameters
    ----------
    graph : tf.Graph
        The graph of the model; it has variables only with a `session`.
    inputs, outputs : list of tf.Tensor
        The inputs and outputs of the model, in its order.
    input_names, output_names : list of (str, tf.Tensor)
        Pairs of a name and its tensor; a tensor may have several names, or none.
    output_keys : list of str
        The keys of the outputs, in their order, where the model returns a dict; otherwise empty.
    layers : list of LayerOutput
        The outputs of Keras layers.
    symbolic : dict of int to SymbolicTensor
        By the id of a Keras symbolic tensor: that tensor, held so that its id stays unique, and what it
        stands for in the graph.
    original : callable, optional
        The model itself, eager and in inference mode: takes one tensor per input, in the order of `inputs`,
        and returns a flat list of tensors in the order of `outputs`. It leaves the model unchanged. None
        where there is no such callable.
    specs : list of tf.TensorSpec
        The inputs that `original` takes.
    states : list of tf.Tensor
        Handles of the variables that `original` may read and write.
    preprocess : callable, optional
        From what the model takes (an array, or a list or dict of arrays) to one array for each of `inputs`,
        where layers of the model lie between. By default there are none.
    session : tf.compat.v1.Session, optional
        Holds the values of the variables of the graph. By default there are none.
    config : tf.compat.v1.ConfigProto, optional
        How a session runs the graph.
    """
    graph: tf.Graph
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]
    input_names: list[tuple[str, tf.Tensor]] = field(default_factory=list)
    output_names: list[tuple[str, tf.Tensor]] = field(default_factory=list)
    output_keys: list[str] = field(default_factory=list)
    layers: list[LayerOutput] = field(default_factory=list)
    symbolic: dict[int, SymbolicTensor] = field(default_factory=dict)
    original: Callable[..., list[tf.Tensor]] | None = None
    specs: list[tf.TensorSpec] = field(default_factory=list)
    states: list[tf.Tensor] = field(default_factory=list)
    preprocess: Callable[[Any], list[np.ndarray]] | None = None
    session: tf.compat.v1.Session | None = None
    config: tf.compat.v1.ConfigProto | None = None
