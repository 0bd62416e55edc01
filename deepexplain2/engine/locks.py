"""Locks of graphs: TensorFlow's graphs are not made to be built in several threads."""

from __future__ import annotations

import threading
import weakref

import tensorflow as tf

_locks: weakref.WeakKeyDictionary[tf.Graph, threading.RLock] = weakref.WeakKeyDictionary()


def graph_lock(graph: tf.Graph) -> threading.RLock:
    """The lock of a graph; the same one every time."""
    return _locks.setdefault(graph, threading.RLock())
