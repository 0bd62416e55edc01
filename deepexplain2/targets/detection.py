"""Whether a detector finds given boxes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any, Literal

import numpy as np
import tensorflow as tf

from ..errors import FeedError, ParameterError
from ..kinds_of_values import positive
from ..parameters import Kind
from .base import Target, wide
from .boxes import checked_corners, class_vectors, corners, rows_of_boxes
from .embedding import length
from .predictions import Part, parts_of

Format = Literal['xyxy', 'yxyx', 'xywh', 'cxcywh']
Units = Literal['pixels', 'normalized']


def height_and_width(value: Any, name: str) -> tuple[float, float]:
    """Check two positive numbers."""
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != 2:
        raise ParameterError(f'{name} must be (height, width) in pixels, not {value!r}')
    return positive(value[0], f'the height in {name}'), positive(value[1], f'the width in {name}')


@dataclass(frozen=True)
class Detection(Target):
    """How well a detector finds given boxes: D-RISE's similarity (Petsiuk et al. 2021).

    Parameters
    ----------
    class_scores : str, optional
        What the class scores of the model are: 'probabilities'; 'softmax' or 'sigmoid' for logits of these.
        Must be given, unless `classes` is False.
    objectness_scores : str, optional
        'probabilities' or 'logits' (of a sigmoid). By default probabilities where class_scores are, else
        logits.
    position, objectness, classes : bool, default True
        The factors of the similarity: IoU, objectness (where the model has one), cosine of class
        probabilities.
    format : str, default 'xyxy'
        What the four numbers of predicted boxes are: 'xyxy' (x0, y0, x1, y1), 'yxyx', 'xywh' (corner, width,
        height), or 'cxcywh' (center, width, height).
    reference_format : str, optional
        That of the boxes in ys; by default the same.
    units : str, default 'pixels'
        Units of predicted boxes: 'pixels', or 'normalized', divided by the size of the image. It matters
        where reference_units differ.
    reference_units : str, optional
        Those of the boxes in ys; by default the same.
    image_size : (height, width), optional
        In pixels. Needed where the units differ.
    reference_classes : str, default 'vectors'
        What ys say of classes: 'vectors' of probabilities (one-hot, or a prediction), or 'indices'.
    has_objectness : bool, default True
        Whether a single tensor of outputs has objectness in its fifth column.
    outputs : tensor, list or dict of tensors or names, by keyword, optional
        A dict with 'boxes', 'classes', and 'objectness' where the model has one; a list, in the order boxes,
        (objectness,) classes; or one tensor, (batch, boxes, 4 + 1 + classes), or 4 + classes without
        objectness. Boxes are (batch, boxes, 4), classes (batch, boxes, classes), objectness (batch, boxes) or
        (batch, boxes, 1); with more axes of boxes, as (batch, height, width, anchors, 4), too.

    Raises
    ------
    TensorError
        Where outputs are none of these.
    ShapeError, ValueRangeError, FeedError
        Where ys have no box for a row, a box without an area or of other units, no such class, or are
        missing; with the row and the box.

    Notes
    -----
    T = mean_t max_j IoU(box_t, box_j) * O_j * cos(P_t, P_j), between 0 and 1: over the reference boxes t of
    the row, and the predicted boxes j (equations 1 to 4 of the source, for several t their mean). IoU is 0
    where a box has no area. Predicted boxes without an area, as padding with zeros or -1, match nothing. A
    class vector shorter than the machine epsilon counts as that long. Take the outputs before non-maximum
    suppression where gradients are asked for: it chooses boxes, and T jumps where the choice changes.

    Data: ys are the reference boxes of every row, as predicted on x or as labelled: a list of n arrays
    (boxes, width) of any lengths, or one array (n, boxes, width) padded with zeros or -1, or (n, width) for
    one box per row. The columns are four numbers, an objectness or none (it is not used), and the class as
    `reference_classes` says (none where `classes` is False, which takes the four numbers alone). Cost: none
    beside that of the model; memory for (reference boxes) x (predicted boxes) numbers per row.

    References
    ----------
    Petsiuk, Jain, Manjunatha, Morariu, Mehra, Ordonez, Saenko (2021). Black-box explanation of object
    detectors via saliency maps. arXiv:2006.03204

    Examples
    --------
    A model with two boxes, where the output moves the first one:

    >>> boxes = tf.stack([tf.pad(T, [[0, 0], [0, 2]], constant_values=9.), tf.zeros_like(T[:, :1]) +
    ...                   tf.constant([0., 0., 1., 1.])], 1)
    >>> target = Detection(classes=False, objectness=False, outputs={'boxes': boxes})
    >>> de.value(target, X, xs, ys=[[[0, 0, 1, 1], [8, 0, 9, 9]], [[1, 3, 9, 9]]]).round(3)
    array([1. , 0.941])
    >>> de.explain('deeplift', target, X, xs, ys=[[[0, 0, 1, 1], [8, 0, 9, 9]], [[1, 3, 9, 9]]]).shape
    (2, 3)
    """

    class_scores: Literal['probabilities', 'softmax', 'sigmoid'] | None = None
    objectness_scores: Literal['probabilities', 'logits'] | None = None
    position: bool = True
    objectness: bool = True
    classes: bool = True
    format: Format = 'xyxy'
    reference_format: Format | None = None
    units: Units = 'pixels'
    reference_units: Units | None = None
    image_size: Annotated[Any, Kind('(height, width) in pixels', height_and_width)] | None = None
    reference_classes: Literal['vectors', 'indices'] = 'vectors'
    has_objectness: bool = True

    uses_probabilities = True
    meaning_of_zero = ('no predicted box of their class overlaps with their reference boxes. Do format and '
                       'units fit the model?')

    def check(self):
        if not (self.position or self.objectness or self.classes):
            raise ParameterError('Detection: position, objectness and classes are all False, and nothing is '
                                 'left to compare')
        if self.classes and self.class_scores is None:
            raise ParameterError("Detection needs class_scores, what the class scores of the model are: "
                                 "'probabilities', or 'softmax' or 'sigmoid' for logits; or classes=False")
        if self.reference_units not in (None, self.units) and self.image_size is None:
            raise ParameterError(f'Detection: boxes are {self.units}, and those of ys '
                                 f'{self.reference_units}: image_size=(height, width) must say how many '
                                 f'pixels that is')

    def data(self, outputs):
        # four numbers, the weight of the box in the mean, the class vector
        classes = int(self.parts(outputs)['classes'].width or 0) if self.classes else 0
        return tf.TensorSpec((None, None, 5 + classes), dtype_of(self.parts(outputs)))

    def arrays(self, ys, n, outputs):
        what = f'ys of target {type(self).__name__}'
        if ys is None:
            raise FeedError(f'target {self!r} needs ys: the reference boxes of every row, a list of {n} '
                            f'arrays (boxes, width), or one array ({n}, boxes, width)')
        spec = self.data(outputs)
        dtype, classes = spec.dtype.as_numpy_dtype, spec.shape[-1] - 5
        rows = [self.reference(boxes, classes, dtype, f'{what}, row {k}')
                for k, boxes in enumerate(rows_of_boxes(ys, n, what))]
        filled = np.zeros((n, max(map(len, rows)), 5 + classes), dtype)
        filled[..., 2:4] = 1                # what fills up has an area, and weighs nothing
        for k, boxes in enumerate(rows):
            filled[k, :len(boxes)] = boxes
        return filled

    def reference(self, boxes: np.ndarray, classes: int, dtype: Any, what: str) -> np.ndarray:
        """Reference boxes of a row as build takes them: (boxes, 5 + classes)."""
        units = self.reference_units or self.units
        form = self.reference_format or self.format
        found = checked_corners(boxes, form, units == 'normalized', what)
        if units != self.units:
            size = np.tile(np.asarray(self.image_size)[::-1], 2)
            found = found / size if units == 'pixels' else found * size
        vectors = class_vectors(boxes, classes, self.reference_classes == 'indices', what) if classes \
            else np.zeros((len(boxes), 0))
        return np.concatenate([found, np.full((len(boxes), 1), 1 / len(boxes)), vectors], 1).astype(dtype)

    def parts(self, outputs: Any) -> dict[str, Part]:
        """The tensors that take part."""
        uses = {'objectness': self.objectness, 'classes': self.classes}
        return parts_of(outputs, uses, self.has_objectness, f'target {self!r}')

    def build(self, outputs, ys):
        parts = self.parts(outputs)
        found = {name: part.read(dtype_of(parts)) for name, part in parts.items()}
        # predicted boxes (batch, 1, boxes), reference boxes (batch, boxes, 1)
        x0, y0, x1, y1 = (c[:, None] for c in corners(found['boxes'], self.format))
        u0, v0, u1, v1 = (ys[:, :, k, None] for k in range(4))
        area = tf.nn.relu(x1 - x0) * tf.nn.relu(y1 - y0)
        factors = []
        if self.position:
            shared = tf.nn.relu(tf.minimum(x1, u1) - tf.maximum(x0, u0)) \
                * tf.nn.relu(tf.minimum(y1, v1) - tf.maximum(y0, v0))
            factors.append(shared / (area + (u1 - u0) * (v1 - v0) - shared))
        if 'objectness' in found:
            is_logit = (self.objectness_scores or self.class_scores) not in (None, 'probabilities')
            o = found['objectness'] if found['objectness'].shape.rank == 2 else found['objectness'][..., 0]
            factors.append((tf.nn.sigmoid(o) if is_logit else o)[:, None])
        if self.classes:
            p = FUNCTIONS[str(self.class_scores)](found['classes'])
            cosine = tf.matmul(ys[..., 5:], p, transpose_b=True) / length(p, [-1])[:, None]
            factors.append(cosine)
        similarity = reduce(tf.multiply, factors)
        if not self.position:
            similarity = tf.where(area > 0, similarity, tf.zeros_like(similarity))
        best = tf.maximum(tf.reduce_max(similarity, -1), 0)         # 0 where no box is predicted
        return tf.reduce_sum(ys[..., 4] * best, -1)


FUNCTIONS = {'probabilities': tf.identity, 'softmax': tf.nn.softmax, 'sigmoid': tf.nn.sigmoid}


def dtype_of(parts: dict[str, Part]) -> tf.DType:
    """In which similarities are computed: that of the boxes, float32 at least."""
    return wide(parts['boxes'].tensor.dtype)
