"""What detectors predict: boxes, objectness and class scores, in the tensors that people have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from ..errors import TensorError
from ..tensors import shape_text

PARTS = 'boxes', 'objectness', 'classes'
WANTED = {'boxes': '(batch, boxes, 4)', 'objectness': '(batch, boxes) or (batch, boxes, 1)',
          'classes': '(batch, boxes, classes)'}


class Part(NamedTuple):
    """Boxes, objectness or class scores. columns: where they are in the last axis of a tensor; None where
    that is an axis of boxes."""

    tensor: tf.Tensor
    columns: slice | None = slice(None)

    @property
    def width(self) -> int | None:
        """The number of columns, where it is known."""
        size = self.tensor.shape[-1]
        return None if size is None or self.columns is None else len(range(*self.columns.indices(size)))

    @property
    def places(self) -> tf.TensorShape:
        """The axes of boxes."""
        return self.tensor.shape[1:] if self.columns is None else self.tensor.shape[1:-1]

    def read(self, dtype: tf.DType) -> tf.Tensor:
        """The tensor with one axis of boxes, (batch, boxes, width) or (batch, boxes); adds ops."""
        t = tf.cast(self.tensor, dtype)
        if self.columns is None:
            return t if t.shape.rank == 2 else tf.reshape(t, [tf.shape(t)[0], -1])
        t = t if self.columns == slice(None) else t[..., self.columns]
        return t if t.shape.rank == 3 else tf.reshape(t, [tf.shape(t)[0], -1, t.shape[-1]])


def parts_of(outputs: Any, uses: Mapping[str, bool], has_objectness: bool, what: str) -> dict[str, Part]:
    """The parts of outputs that are used, by name; adds no ops. what: the target, for messages."""
    found = _named(outputs, has_objectness, what)
    unknown = [name for name in found if name not in PARTS]
    if unknown or 'boxes' not in found or (uses['classes'] and 'classes' not in found):
        raise TensorError(f'{what}: outputs must be "boxes", "classes", and "objectness" where there is one, '
                          f'not {", ".join(map(repr, found))}')
    found = {name: part for name, part in found.items() if uses.get(name, True)}
    boxes = found['boxes']
    for name, part in found.items():
        t, width = part.tensor, {'boxes': 4, 'objectness': 1}.get(name)
        if name == 'objectness' and t.shape.rank == boxes.tensor.shape.rank - 1:
            part = found[name] = Part(t, None)
        fits = t.dtype.is_floating and part.places.rank and part.places.is_compatible_with(boxes.places)
        if not fits or (part.columns is not None and (not part.width or width not in (None, part.width))):
            raise TensorError(f'{what}: {name} "{t.name}" {shape_text(t.shape)} {t.dtype.name} must be '
                              f'floating, {WANTED[name]}, beside boxes {shape_text(boxes.tensor.shape)}')
    return found


def _named(outputs: Any, has_objectness: bool, what: str) -> dict[str, Part]:
    """The parts of outputs by name."""
    tensors = [outputs] if isinstance(outputs, tf.Tensor) else list(
        outputs.values() if isinstance(outputs, Mapping) else outputs)
    for t in tensors:
        if not isinstance(t, tf.Tensor) or (t.shape.rank or 0) < 2:
            raise TensorError(f'{what}: outputs are tensors (batch, boxes, ...), not '
                              + (f'"{t.name}" {shape_text(t.shape)}' if isinstance(t, tf.Tensor)
                                 else f'{type(t).__name__}'))
    if isinstance(outputs, Mapping):
        return {name: Part(t) for name, t in outputs.items()}
    if not isinstance(outputs, tf.Tensor):
        names = {2: PARTS[::2], 3: PARTS}.get(len(outputs))
        if names is None:
            raise TensorError(f'{what}: outputs are {len(outputs)} tensors. Give them by name: '
                              f'outputs={{"boxes": ..., "objectness": ..., "classes": ...}}')
        if len(outputs) == 3 and outputs[1].shape[-1] == outputs[2].shape[-1] == 1:
            raise TensorError(f'{what}: "{outputs[1].name}" and "{outputs[2].name}" both may be the '
                              f'objectness. Give them by name: outputs={{"boxes": ..., "objectness": ..., '
                              f'"classes": ...}}')
        return {name: Part(t) for name, t in zip(names, outputs)}
    first = 5 if has_objectness else 4
    width = outputs.shape[-1]
    if outputs.shape.rank < 3 or width is None or width < first:
        raise TensorError(f'{what}: outputs "{outputs.name}" {shape_text(outputs.shape)} must be (batch, '
                          f'boxes, {first} + classes). For several tensors give outputs={{"boxes": ..., '
                          f'"classes": ...}}')
    found = {'boxes': Part(outputs, slice(0, 4))}
    if has_objectness:
        found['objectness'] = Part(outputs, slice(4, 5))
    return found | ({'classes': Part(outputs, slice(first, None))} if width > first else {})
