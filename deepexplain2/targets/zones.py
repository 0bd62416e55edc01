"""Zones for Segmentation, made of label maps. NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from skimage.measure import label

from ..errors import ShapeError, ValueRangeError, shown
from ..kinds_of_values import integer
from ..values import as_numbers


def class_zone(labels: Any, of_class: Any, classes: int) -> np.ndarray:
    """The places where a class is, in the channel of that class.

    Parameters
    ----------
    labels : array of int, (n, height, width)
        The class of every place, as `scores.argmax(-1)`; with one or three axes of places too.
    of_class : int, or array of int, (n,)
        The class, of all maps or of each.
    classes : int
        Channels of the model's scores. With 1, that of a model of one class against the rest, the zone is in
        this channel.

    Returns
    -------
    array, (n, height, width, classes), float32
        1 in the zone, 0 elsewhere.

    Raises
    ------
    ValueRangeError
        Where the class is not in a map, naming its row, or not among the classes.

    Examples
    --------
    >>> class_zone([[[0, 1], [2, 1]]], 1, classes=3)[0, ..., 1]
    array([[0., 1.], [0., 1.]], dtype=float32)
    """
    maps, of = _maps(labels), np.asarray(of_class)
    of = np.broadcast_to(of, len(maps)) if of.ndim == 0 else of
    if of.shape != (len(maps),) or of.dtype.kind not in 'iu':
        raise ShapeError(f'of_class must be an integer or one per map, ({len(maps)},), not {shown(of_class)}')
    return _in_channel(maps == of.reshape(-1, *[1] * (maps.ndim - 1)), of, classes,
                       'there is no place of class {}')


def component_zone(labels: Any, at: Any, classes: int) -> np.ndarray:
    """The connected places of one class around a place, in the channel of that class.

    Parameters
    ----------
    labels : array of int, (n, height, width)
        As for `class_zone`.
    at : array of int, (n, 2) or (2,)
        A place (row, column) of the component, of each map or of all.
    classes : int
        As for `class_zone`.

    Returns
    -------
    array, (n, height, width, classes), float32
        1 in the component, 0 elsewhere. Places are connected where they share a side.

    Raises
    ------
    ValueRangeError
        For a place outside of a map.

    Examples
    --------
    >>> component_zone([[[1, 0, 1], [1, 0, 1]]], (0, 2), classes=2)[0, ..., 1]
    array([[0., 0., 1.], [0., 0., 1.]], dtype=float32)
    """
    maps, places = _maps(labels), as_numbers(at, 'integers', 'at')
    if places.dtype.kind not in 'iu' or places.shape not in ((maps.ndim - 1,), (len(maps), maps.ndim - 1)):
        raise ShapeError(f'at must be integers, ({maps.ndim - 1},) or ({len(maps)}, {maps.ndim - 1}), not '
                         f'{shown(at)}')
    places = np.broadcast_to(places, (len(maps), maps.ndim - 1))
    outside = ((places < 0) | (places >= maps.shape[1:])).any(1)
    if outside.any():
        k = int(outside.argmax())
        raise ValueRangeError(f'at, row {k}: {tuple(places[k].tolist())} is outside of the map, '
                              f'{maps.shape[1:]}')
    inside = np.zeros(maps.shape, bool)
    for k, place in enumerate(map(tuple, places)):
        found = label(maps[k], background=int(maps[k].min()) - 1, connectivity=1)
        inside[k] = found == found[place]
    of = np.array([m[place] for m, place in zip(maps, map(tuple, places))])
    return _in_channel(inside, of, classes, 'no component of class {}')


def border_zone(zones: Any) -> np.ndarray:
    """The border of zones: 1 on the places inside that have a neighbour outside, -1 on those neighbours.

    Parameters
    ----------
    zones : array, (n, height, width, classes)
        As `class_zone` and `component_zone` return them. Every channel by itself.

    Returns
    -------
    array, (n, height, width, classes), float32
        The mean of a score over it, as Segmentation has it, is its contrast across the border. What lies at
        the edge of the map has no neighbour there.

    Raises
    ------
    ValueRangeError
        Where a zone has no border, naming its row.

    Examples
    --------
    >>> border_zone(class_zone([[[1, 1, 0, 0]]], 1, classes=1))[0, ..., 0]
    array([[ 0., 1., -1., 0.]], dtype=float32)
    """
    inside = _zones(zones, 'zones')
    border = (inside & _beside(~inside)).astype(np.float32) - (~inside & _beside(inside))
    return _not_empty(border, 'the zone has no border: it is empty, or all of the map')


def common_border_zone(zones: Any, others: Any) -> np.ndarray:
    """The common border of zones of two classes: in the channel of either class 1 on its own side, and -1
    on the other side.

    Parameters
    ----------
    zones, others : array, (n, height, width, classes)
        Zones of two classes, as `class_zone` and `component_zone` return them.

    Returns
    -------
    array, (n, height, width, classes), float32
        Segmentation takes it: how well the scores of the two classes tell their sides of the border apart.

    Raises
    ------
    ValueRangeError
        Where the zones share a channel or do not touch, naming the row.

    Examples
    --------
    >>> labels = [[[0, 1, 2, 2]]]
    >>> common_border_zone(class_zone(labels, 1, 3), class_zone(labels, 2, 3))[0, 0].T
    array([[ 0., 0., 0., 0.], [ 0., 1., -1., 0.], [ 0., -1., 1., 0.]], dtype=float32)
    """
    one, other = _zones(zones, 'zones'), _zones(others, 'others')
    if one.shape != other.shape:
        raise ShapeError(f'zones have shape {one.shape}, and others {other.shape}')
    places = tuple(range(1, one.ndim - 1))
    shared = (one.any(places) & other.any(places)).any(-1)
    if shared.any():
        raise ValueRangeError(f'zones and others, row {shared.argmax()}: both are in one channel. They must '
                              f'be of two classes')
    here, there = one.any(-1, keepdims=True), other.any(-1, keepdims=True)
    side = (here & _beside(there)).astype(np.float32) - (there & _beside(here))
    border = side * one.any(places, keepdims=True) - side * other.any(places, keepdims=True)
    return _not_empty(border, 'zones and others do not touch')


def _maps(labels: Any) -> np.ndarray:
    """Label maps, checked."""
    maps = as_numbers(labels, 'integers', 'labels')
    if maps.dtype.kind not in 'iub' or maps.ndim < 2 or not maps.size:
        raise ShapeError(f'labels must be integers of shape (n, height, width), as scores.argmax(-1), not '
                         f'{maps.shape} {maps.dtype.name}')
    return maps.astype(np.int64)


def _zones(zones: Any, what: str) -> Any:
    """Where zones are, as booleans."""
    given = as_numbers(zones, 'numbers', what)
    if given.ndim < 3 or not np.isin(given, (0, 1)).all():
        raise ShapeError(f'{what} must be 0 and 1, (n, height, width, classes), as class_zone returns them, '
                         f'not {given.shape} {given.dtype.name}')
    return given.astype(bool)


def _in_channel(inside: np.ndarray, of: np.ndarray, classes: int, empty: str) -> np.ndarray:
    """Zones in the channels of their classes. empty: a message for a row without places."""
    integer(classes, 'classes', 1)
    if classes > 1 and ((of < 0) | (of >= classes)).any():
        raise ValueRangeError(f'there is no class {of[(of < 0) | (of >= classes)][0]} among {classes}: 0 to '
                              f'{classes - 1}')
    missing = ~inside.reshape(len(inside), -1).any(1)
    if missing.any():
        k = int(missing.argmax())
        raise ValueRangeError(f'labels, row {k}: ' + empty.format(of[k]))
    zones = np.zeros((*inside.shape, classes), np.float32)
    channels = of if classes > 1 else np.zeros_like(of)
    for k, channel in enumerate(channels):
        zones[k, ..., channel] = inside[k]
    return zones


def _beside(there: np.ndarray) -> np.ndarray:
    """The places that have a neighbour, along an axis of places, that is in there."""
    found = np.zeros_like(there)
    for axis in range(1, there.ndim - 1):
        a, b = (tuple(slice(None) if k != axis else s for k in range(there.ndim))
                for s in (slice(1, None), slice(None, -1)))
        found[a] |= there[b]
        found[b] |= there[a]
    return found


def _not_empty(border: np.ndarray, what: str) -> np.ndarray:
    """Borders, all of which have places."""
    empty = ~border.reshape(len(border), -1).any(1)
    if empty.any():
        raise ValueRangeError(f'row {empty.argmax()}: {what}')
    return border
