"""A Keras model that is called, and then is as before in Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .nodes import layers_and_nodes


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Restore what calls of the model change in Python: losses that its layers record, attributes that they
    set, and the random states of Python and NumPy. A layer that was not built keeps the weights that a call
    makes."""
    before = [(layer, dict(vars(layer)), [(v, _copy(v)) for v in vars(layer).values() if _is_container(v)])
              for layer in layers_and_nodes(model)[0] if getattr(layer, 'built', True)]
    threads = [(layer._thread_local, dict(vars(layer._thread_local))) for layer, _, _ in before
               if hasattr(layer, '_thread_local')]
    python_state, numpy_state = random.getstate(), np.random.get_state()      # noqa: NPY002
    try:
        yield
    finally:
        for owner, attributes in [*((layer, attributes) for layer, attributes, _ in before), *threads]:
            for name in vars(owner).keys() - attributes.keys():
                del vars(owner)[name]
            vars(owner).update(attributes)
        for container, content in (pair for _, _, pairs in before for pair in pairs):
            _restore(container, content)
        random.setstate(python_state)
        np.random.set_state(numpy_state)       # noqa: NPY002


def _is_container(value: Any) -> bool:
    """Whether this is a list, dict or set of Python or Keras. Those of TensorFlow hold their content
    elsewhere and track every change."""
    return isinstance(value, (list, dict, set)) and not type(value).__module__.startswith('tensorflow')


def _copy(container: Any) -> Any:
    """A copy as a plain list, dict or set."""
    return next(kind(container) for kind in (list, dict, set) if isinstance(container, kind))


def _restore(container: Any, content: Any) -> None:
    """Give a container its content back, without the tracking of Keras's own lists, dicts and sets."""
    kind = type(content)
    kind.clear(container)
    (list.extend if kind is list else kind.update)(container, content)
