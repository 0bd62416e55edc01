"""Whether the first axis of a layer is the batch: seen in runs of a few rows, as for T."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..engine.layers import depends_on
from ..engine.model import Model
from ..errors import TensorError
from ..tensors import shape_text
from .layout import Layouts
from .request import Request


class LayerRows(NamedTuple):
    """Looks at the rows of a layer.

    model: with the layer in place of T, and the tensors of X that it depends on, which are at `inputs` among
    all. layouts: of that model.
    """

    model: Model
    inputs: Sequence[int]
    layouts: Layouts

    def __call__(self, request: Request) -> None:
        """Raise TensorError where the values of the layer for a row change with the other rows, or are there
        for a single number of rows only; evaluates the layer for a few rows the first time."""
        layout = request.layout
        if not layout.per_row or layout.rows == 1 or request.n == 1:
            return                                      # an answer for one row is seen to have one entry

        def take(rows):
            arrays = request.rows(rows)
            return [arrays[k] for k in self.inputs]
        try:
            found = self.layouts.of_rows(layout, take, request.feeds, request.n, None)
        except TensorError as e:
            raise self._refusal() from e
        if found is not layout:
            raise self._refusal()

    def of_points(self, request: Request, xs: Sequence[np.ndarray], baselines: Sequence[np.ndarray]) -> None:
        """The same for a request of a single row, of which a run holds several points."""
        try:
            self.layouts.check_single(request.layout, [xs[k] for k in self.inputs],
                                      [baselines[k] for k in self.inputs], request.feeds)
        except TensorError as e:
            raise self._refusal() from e

    def _refusal(self) -> TensorError:
        layer = self.model.target
        return TensorError(f'layer "{layer.name}" {shape_text(layer.shape)} of a row changes with the other '
                           'rows of the batch: its first axis is not the batch, even where both are of one '
                           'length. Choose a tensor with one entry per row')


def layer_rows(model: Model, layers: Sequence[tf.Tensor], name: str) -> list[LayerRows]:
    """What looks at the rows of each of these layers between X and T. name: of the method, for warnings."""
    found = []
    for layer in {t.name: t for t in layers}.values():
        if layer.name in {x.name for x in model.inputs}:
            continue                                    # T of a row is that of its X
        inputs = [k for k, depends in enumerate(depends_on(model.path, layer)) if depends]
        of_layer = model.up_to(layer, [model.inputs[k] for k in inputs])
        found.append(LayerRows(of_layer, inputs, Layouts(of_layer, name)))
    return found
