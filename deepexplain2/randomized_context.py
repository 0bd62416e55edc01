"""The model of a context with other weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf
from typing_extensions import Self  # comes with TensorFlow

from .engine.locks import graph_lock
from .errors import TensorError
from .explainer_context import ExplainerContext
from .graph.layers import LayerOfOps
from .kinds_of_values import choice, integer
from .session import check_open
from .sources.freezing import imported_graph
from .sources.randomized import chosen, frozen, randomized, source_in, weights_by_layer
from .sources.tensors_by_name import Tensors
from .targets.base import Target, map_entries
from .targets.function import is_function

Weights = tuple[tf.compat.v1.GraphDef, dict[str, list[str]]]


class RandomizedContext(ExplainerContext):
    """Makes contexts of the same model with random weights."""

    def randomized(self, layers: Any = None, seed: int = 0, how: str = 'permute') -> Self:
        """A context of the same model with other weights in some layers; the model itself stays as it is.

        Parameters
        ----------
        layers : str or list of str, optional
            Names out of `layers_with_weights`; by default all.
        seed : int, default 0
            Seed of the draws.
        how : 'permute' or 'normal', default 'permute'
            The entries of each array of weights in another order, or drawn from the normal distribution with
            their mean and standard deviation.

        Returns
        -------
        DeepExplain
            On a graph and a session of its own, with the weights of now as constants; tensors have the names
            that they have here. Close it, or let it go.

        Raises
        ------
        ParameterError
            For a layer that has no weights.
        TensorError
            Where there are no weights.
        SourceError
            Where they cannot be read as constants.

        Notes
        -----
        Weights are the floating constants and variables of more than one number that ops between inputs and
        outputs take, those of normalizations too; constants inside the bodies of functions stay.

        Examples
        --------
        >>> other = de.randomized(seed=1)
        >>> bool((other.value(T.name, X.name, xs) == de.value(T, X, xs)).all())
        False
        """
        choice(how, 'how', ['permute', 'normal'])
        integer(seed, 'seed', 0)
        return self._with_random(self._weights(), layers, seed, how)

    def _with_random(self, weights: Weights, layers: Any, seed: int, how: str) -> Self:
        """See `randomized`. weights: as `_weights` gives them, for any number of contexts."""
        graph_def, groups = weights
        names = [name for layer in chosen(layers, list(groups)) for name in groups[layer]]
        made = source_in(randomized(graph_def, names, how, seed), self._source, self.inputs, self.outputs)
        context = type(self)(tf.compat.v1.Session(graph=made.graph, config=made.config))
        context._source = made
        return context

    @property
    def layers_with_weights(self) -> list[str]:
        """The layers, or scopes, that have weights, from the outputs on: what `randomized` takes."""
        return list(self._weights()[1])

    def _weights(self) -> Weights:
        """(the nodes of the graph with weights as constants, the names of these by layer)."""
        check_open(self.session)
        with graph_lock(self.graph):
            graph_def = frozen(self.session, list(self.outputs))
        made = source_in(imported_graph(graph_def), self._source, self.inputs, self.outputs)
        if not made.outputs:
            raise TensorError('the graph has no outputs, so that nothing says what its weights are')
        layers = {layer.label: layer.tensor for layer in made.layers if layer.tensor is not None}
        found = weights_by_layer(made.inputs, made.outputs, LayerOfOps(layers))
        if not found:
            raise TensorError('the graph has no weights between inputs and outputs, no floating constants or '
                              'variables of more than one number: nothing can be made random')
        return graph_def, found

    def _elsewhere(self, T: Any) -> Any:
        """A target or an input as another context of the same model takes it: tensors by their names."""
        if isinstance(T, (list, tuple, Tensors)):
            return [self._elsewhere(t) for t in T]
        if isinstance(T, dict):
            return {key: self._elsewhere(t) for key, t in T.items()}
        if isinstance(T, Target):
            return T if T.outputs is None else replace(T, outputs=map_entries(self._elsewhere, T.outputs))
        return T if isinstance(T, str) or is_function(T) else self.tensor(T).name
