"""Boxes: their formats, and those that ys give as references, ragged or padded, as one array."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ShapeError, ValueRangeError
from ..values import as_array, refuse_lossy

FORMATS = 'xyxy', 'yxyx', 'xywh', 'cxcywh'
OUTSIDE = 1.        # normalized boxes may lie so far outside of the image; pixels lie farther


def corners(boxes: Any, form: str) -> tuple[Any, Any, Any, Any]:
    """(x0, y0, x1, y1) of boxes (..., 4), arrays or tensors."""
    a, b, c, d = (boxes[..., k] for k in range(4))
    if form == 'yxyx':
        return b, a, d, c
    if form == 'xywh':
        return a, b, a + c, b + d
    return (a, b, c, d) if form == 'xyxy' else (a - c / 2, b - d / 2, a + c / 2, b + d / 2)


def rows_of_boxes(ys: Any, n: int, what: str) -> list[np.ndarray]:
    """ys as one array of boxes, (boxes, width), for each of n rows."""
    if isinstance(ys, tf.RaggedTensor):
        ys = list(ys)
    elif isinstance(ys, tf.Tensor) or (isinstance(ys, np.ndarray) and ys.dtype.kind != 'O'):
        ys = as_array(ys, tf.float64, what)
        if ys.ndim not in (2, 3):
            raise ShapeError(f'{what} has shape {ys.shape}: boxes are ({n}, boxes, width), ({n}, width) for '
                             f'one per row, or a list of {n} arrays (boxes, width)')
    else:
        refuse_lossy(ys, 'boxes', what)
    if not hasattr(ys, '__len__') or len(ys) != n:
        raise ShapeError(f'{what} must hold the boxes of {n} rows, one entry per row, not '
                         + (f'{len(ys)} entries' if hasattr(ys, '__len__') else type(ys).__name__))
    rows = []
    for k, row in enumerate(ys):
        boxes = as_array(row, tf.float64, f'{what}, row {k}')
        boxes = boxes[None] if boxes.ndim == 1 and boxes.size else boxes
        if boxes.size and boxes.ndim != 2:
            raise ShapeError(f'{what}, row {k} has shape {boxes.shape}: boxes are (boxes, width)')
        kept = boxes.reshape(-1, boxes.shape[-1]) if boxes.size else np.zeros((0, 4))
        if kept.shape[1] < 4:
            raise ShapeError(f'{what}, row {k} has shape {boxes.shape}: a box has four numbers first')
        rows.append(kept[~is_padding(kept)])
        if not len(rows[-1]):
            raise ValueRangeError(f'{what}, row {k} has no box'
                                  + (' but padding, with zeros or -1' if len(kept) else '')
                                  + ': there is nothing to compare predictions with. Leave the row out')
    return rows


def is_padding(boxes: np.ndarray) -> np.ndarray:
    """Whether rows are no boxes, but what fills up an array: all four numbers 0, or all -1."""
    return (boxes[:, :4] == 0).all(1) | (boxes[:, :4] == -1).all(1)


def checked_corners(boxes: np.ndarray, form: str, is_normalized: bool, what: str) -> np.ndarray:
    """(boxes, 4), x0, y0, x1, y1, with an area. is_normalized: whether they must be within about 0..1."""
    found = np.stack(corners(boxes, form), -1)
    flat = np.flatnonzero((found[:, 2:] <= found[:, :2]).any(1))
    if flat.size:
        raise ValueRangeError(f'{what}, box {flat[0]}: {boxes[flat[0], :4].tolist()} has no area in format '
                              f'{form!r}, and nothing can overlap with it. Is it another format? Known: '
                              f'{", ".join(FORMATS)}')
    far = np.flatnonzero(((found < -OUTSIDE) | (found > 1 + OUTSIDE)).any(1)) if is_normalized else flat
    if far.size:
        raise ValueRangeError(f'{what}, box {far[0]}: {boxes[far[0], :4].tolist()} is not normalized to '
                              f"0..1. For pixels give reference_units='pixels' and image_size")
    return found


def class_vectors(boxes: np.ndarray, classes: int, as_indices: bool, what: str) -> np.ndarray:
    """The class vectors of boxes, (boxes, classes), of length 1: the last columns, or the index in the
    last."""
    width, needed = boxes.shape[1], 1 if as_indices else classes
    if width not in (4 + needed, 5 + needed):
        kind = 'a class index' if as_indices else f'{classes} class probabilities'
        other = 'vectors' if as_indices else 'indices'
        raise ShapeError(f'{what}: boxes have {width} numbers, but four, an objectness or none, and {kind} '
                         f"are {4 + needed} or {5 + needed}. Is it reference_classes='{other}', or "
                         f'classes=False?')
    vectors = boxes[:, -needed:]
    if as_indices:
        index = vectors[:, 0]
        wrong = np.flatnonzero((index != index.astype(int)) | (index < 0) | (index >= classes))
        if wrong.size:
            raise ValueRangeError(f'{what}, box {wrong[0]}: there is no class {index[wrong[0]]:g}, but '
                                  f'{classes}: 0 to {classes - 1}')
        return np.eye(classes)[index.astype(int)]
    size = np.sqrt(np.square(vectors).sum(1, keepdims=True))
    wrong = np.flatnonzero((size[:, 0] == 0) | (vectors < 0).any(1))
    if wrong.size:
        raise ValueRangeError(f'{what}, box {wrong[0]}: the class probabilities '
                              f'{vectors[wrong[0]].tolist()[:10]} are all 0, or some negative: give '
                              f'probabilities or a one-hot vector')
    return vectors / size
