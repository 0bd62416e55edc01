"""Class activation maps: what they share; each of them is a way to weigh the channels of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np

from ..engine.layers import (
    at_rank,
    channels,
    channels_of_input,
    default_layer,
    depends_on,
    layer_of,
    without_axis,
)
from ..engine.model import Model
from ..engine.query import Answers
from ..errors import TensorError
from ..features.resize import resized
from ..graph.rulebook import EVALUATED
from ..tensors import shape_text
from .layer_method import LayerMethod


class Places(NamedTuple):
    """Where the channels are. axis: of the layer. inputs: of each X, -1 where it has none; None where the
    layer does not depend on an X, or it has other spatial axes."""

    axis: int
    inputs: list[int | None]


@dataclass(frozen=True)
class ClassActivationMap(LayerMethod):
    """Base of maps of a layer with channels and spatial axes. A subclass says what is shown at each position
    (`map`), of activations and gradients (rows, positions, channels)."""

    relu: bool = True
    interpolation: Literal['linear', 'cubic', 'nearest'] = 'linear'
    upsample: bool = True
    data_format: Literal['channels_last', 'channels_first'] | None = None

    adds_up = False
    needs_space = True
    zero_without_influence = False
    linear_in_target = False        # the map is rectified
    remedy_for_zeros = 'relu=False, which shows what speaks against T too'
    takes_gradient = True           # whether gradients with respect to the layer are asked for
    places = Places(-1, [])         # found by `fitted`

    def fitted(self, model):
        """This method with its layer, and with where the channels are, as the graph has it."""
        layer = default_layer(model.path) if self.layer is None else layer_of(model.path, self.layer)
        made = replace(self, layer=layer.name)
        object.__setattr__(made, 'places', made._found_places(model, layer))
        return made

    def _found_places(self, model: Model, layer: Any) -> Places:
        rank, path = layer.shape.rank, model.path
        if rank is not None and rank not in (3, 4, 5):
            raise TensorError(f'layer "{layer.name}" has shape {shape_text(layer.shape)}: "{self.name}" '
                              f'needs channels and 1 to 3 spatial axes. Choose (batch, ..., channels)')
        if rank is None:
            raise TensorError(f'layer "{layer.name}" has an unknown number of axes. Give it one in the '
                              f'model, with tf.ensure_shape')
        given = {None: None, 'channels_first': 1, 'channels_last': rank - 1}[self.data_format]
        inputs: list[int | None] = []
        for x, depends in zip(path.inputs, depends_on(path, layer)):
            if not depends or x.shape.rank is None or not at_rank(x, layer):
                inputs.append(None)
            elif x.shape.rank < rank:
                inputs.append(-1)
            else:
                inputs.append(channels_of_input(path, x) if given is None else given)
        if self.upsample and all(i is None for i in inputs):
            which = ', '.join(f'"{x.name}" {shape_text(x.shape)}' for x in path.inputs)
            raise TensorError(f'layer "{layer.name}" {shape_text(layer.shape)} has other spatial axes than X '
                              f'{which}: its map cannot be brought to the size of X. Choose another layer, '
                              f'or upsample=False for the map of the layer')
        return Places(channels(layer) if given is None else given, inputs)

    def shaped_like(self, model):
        """The layer without its channels, where its map is wanted."""
        if self.upsample:
            return None
        return without_axis(self.layers(model)[0], self.places.axis)

    def layers(self, model):
        """The layer in a list."""
        return [layer_of(model.path, str(self.layer))]

    def query(self, model):
        """Ask for gradients and values at the layer, or for its values alone."""
        if self.takes_gradient:
            return model.at_layers(self.layers(model), self.name).at_x
        return model.activation(self.layers(model))

    @property
    def graph_key(self):
        """The layer, and whether gradients are asked for."""
        return self.layer, self.takes_gradient

    def audit(self, model):
        """Where no gradient is asked for, all ops are evaluated."""
        found = super().audit(model)
        return found if self.takes_gradient else [
            replace(t, treatment=EVALUATED, detail='', drops_input=False) for t in found]

    def map(self, a: np.ndarray, g: np.ndarray) -> np.ndarray:
        """What is shown, (rows, positions). a, g: activations, and gradients with respect to them, (rows,
        positions, channels)."""
        raise NotImplementedError

    def attribute(self, sweep, xs, baselines):
        """One map per row."""
        found = [self.maps(answers) for _, _, answers in sweep(lambda rows, ks: [x[rows] for x in xs])]
        return self.shown(np.concatenate(found), xs)

    def maps(self, answers: Answers) -> np.ndarray:
        """What is shown, (rows,) + grid, of the answers for some rows."""
        a, grid = self.flat(answers['activation'][0])
        g = self.flat(answers['layer_gradient'][0])[0] if self.takes_gradient else a
        return self.map(a, g).reshape(-1, *grid)

    def flat(self, values: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
        """(values of the layer (rows, positions, channels), the grid of the positions)."""
        values = np.moveaxis(values, self.places.axis, -1)
        values = values.astype(np.promote_types(values.dtype, np.float32), copy=False)
        grid = values.shape[1:-1]
        return values.reshape(len(values), prod(grid), values.shape[-1]), grid

    def shown(self, maps: np.ndarray, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The maps (rows,) + grid as attributions: of the layer, or shaped like each X."""
        maps = np.maximum(maps, 0) if self.relu else maps
        if not self.upsample:
            return [maps]
        return [self.at_size(maps, x, axis) for x, axis in zip(xs, self.places.inputs)]

    def at_size(self, maps: np.ndarray, x: np.ndarray, axis: int | None) -> np.ndarray:
        """The maps shaped like x, the same for all of its channels; 0 for an x that they are not about."""
        if axis is None:
            return np.zeros(x.shape, maps.dtype)
        found = resized(maps, spatial(x.shape, axis), self.interpolation)
        found = np.maximum(found, 0) if self.relu else found            # splines overshoot
        return found.copy() if axis == -1 else np.repeat(np.expand_dims(found, axis), x.shape[axis], axis)


def spatial(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    """The sizes of the spatial axes of X, whose channels are at `axis`; -1: it has none."""
    return tuple(d for k, d in enumerate(shape) if k not in (0, axis))


def mean_over_positions(g: np.ndarray) -> np.ndarray:
    """The mean of every channel, (rows, positions, channels) -> (rows, channels); as a product of matrices,
    which takes a sixth of the time of `mean`."""
    return (np.full((1, g.shape[1]), 1 / g.shape[1], g.dtype) @ g)[:, 0]


def weighted(a: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The sum of channels times weights: (rows, positions, channels), (rows, channels) -> (rows,
    positions)."""
    return (a @ weights[:, :, None])[:, :, 0]
