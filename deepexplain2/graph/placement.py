"""Placement: what was built in a graph of the library's own, imported into the user's graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import tensorflow as tf

from . import xla
from .graft import needed
from .op_types import LIBRARY_SCOPE


class Placement:
    """Imports tensors of one graph, with what computes them, into the user's graph in one step.

    graph: where they were built. given: names of tensors there -> tensors of the user's graph in their place.
    jit: whether XLA compiles what is placed.
    """

    def __init__(self, graph: tf.Graph, given: Mapping[str, tf.Tensor], user_graph: tf.Graph, jit: bool):
        self._graph, self._given, self._user_graph, self._jit = graph, given, user_graph, jit

    def place(self, wanted: Sequence[tf.Tensor], name: str) -> list[tf.Tensor]:
        """The tensors in the user's graph, under a name."""
        with in_user_graph(self._user_graph):
            if not self._jit:
                return self._import(wanted, self._given, name)
            # placeholders stay outside of what is compiled
            fed = [t for t in wanted if t.op.type.startswith('Placeholder')]
            placed = dict(zip([t.name for t in fed], self._import(fed, {}, name)))
            computed = [t.name for t in wanted if t.name not in placed]
            nodes, given = needed(self._graph, computed, {**self._given, **placed})
            placed |= zip(computed, xla.place(nodes, given, computed, f'{LIBRARY_SCOPE}{name}'))
            return [placed[t.name] for t in wanted]

    def place_plain(self, wanted: Sequence[tf.Tensor], fed: Mapping[str, tf.Tensor],
                    name: str) -> list[tf.Tensor]:
        """What XLA compiles once more for TensorFlow's own kernels, with which it is compared; nothing where
        XLA does not compile. fed: placed placeholders, by their names in `graph`."""
        if not self._jit:
            return []
        with in_user_graph(self._user_graph):
            return self._import(wanted, {**self._given, **fed}, f'{name}_plain')

    def _import(self, wanted: Sequence[tf.Tensor], given: Mapping[str, tf.Tensor],
                name: str) -> list[tf.Tensor]:
        names = [t.name for t in wanted]
        nodes, given = needed(self._graph, names, given)
        return tf.graph_util.import_graph_def(nodes, name=f'{LIBRARY_SCOPE}{name}', input_map=given,
                                              return_elements=names)


@contextmanager
def in_user_graph(graph: tf.Graph) -> Iterator[None]:
    """While ops are added to the user's graph, whatever scopes and control dependencies the user is in."""
    with graph.as_default(), graph.name_scope(None), graph.control_dependencies(None), graph.device(None):
        yield


def defaults(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Placeholders in the graph of some tensors that have these as defaults."""
    with in_user_graph(tensors[0].graph), tf.name_scope(f'{LIBRARY_SCOPE}opened'):
        return [tf.compat.v1.placeholder_with_default(t, t.shape) for t in tensors]
