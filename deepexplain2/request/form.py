"""How X was given, which is how everything that belongs to its tensors is given and returned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from ..errors import FeedError, ShapeError, shown


@dataclass(frozen=True)
class Form:
    """X as one tensor, a list of tensors or a dict of them.

    Attributes
    ----------
    is_list : bool
        Whether X is a list or a dict.
    keys : tuple of str or None
        Those of a dict, in the order of the tensors.
    names : tuple of tuples of str
        What each tensor may be called where values are given by name, the best name first.
    resolve : function (name) -> tensor, optional
        Finds any other tensor of the graph by its name, for feed_dict.
    """

    is_list: bool = False
    keys: tuple[str, ...] | None = None
    names: tuple[tuple[str, ...], ...] = ()
    resolve: Callable[[str], tf.Tensor] | None = field(default=None, compare=False)

    def listed(self, given: Any, what: str) -> Any:
        """A dict of values by name as a list in the order of X, or as the one value of a single X; anything
        else as it is.

        Raises ShapeError for names that are no inputs, that are missing, or that mean one input twice.
        """
        if not isinstance(given, Mapping):
            return given
        found: dict[int, Any] = {}
        for key, value in given.items():
            name = getattr(key, 'name', key)            # a tensor may stand for its name
            places = [k for k, names in enumerate(self.names) if name in names]
            if len(places) != 1 or places[0] in found:
                wrong = ('is none of' if not places else 'means several of' if len(places) > 1
                         else 'means the same input as another key, of')
                raise ShapeError(f'{what} is a dict, and its key {shown(name)} {wrong} the inputs that are '
                                 f'explained: {self._listed()}')
            found[places[0]] = value
        missing = [self.names[k][0] for k in range(len(self.names)) if k not in found]
        if missing:
            raise ShapeError(f'{what} is a dict without {", ".join(map(repr, missing))}. X are '
                             f'{self._listed()}')
        values = [found[k] for k in range(len(self.names))]
        return values if self.is_list else values[0]

    def _listed(self) -> str:
        return ', '.join(repr(names[0]) for names in self.names) or 'one tensor without a name'

    def returned(self, arrays: Sequence[Any]) -> Any:
        """One value per tensor of X as the caller gets them: a value, a list, or a dict."""
        if self.keys is not None:
            return dict(zip(self.keys, arrays))
        return list(arrays) if self.is_list else arrays[0]

    def by_tensor(self, feed_dict: Any) -> Any:
        """feed_dict with tensors in place of names."""
        if not isinstance(feed_dict, Mapping) or not any(isinstance(key, str) for key in feed_dict):
            return feed_dict
        found: dict[tf.Tensor, Any] = {}
        for key, value in feed_dict.items():
            tensor = self._tensor(key) if isinstance(key, str) else key
            if isinstance(tensor, tf.Tensor) and any(t is tensor for t in found):
                raise FeedError(f'feed_dict gives "{tensor.name}" twice, by two names')
            found[tensor] = value
        return found

    def _tensor(self, name: str) -> tf.Tensor:
        if self.resolve is None:
            raise FeedError(f'feed_dict has the name {name!r}, and no names are known here. Give the tensor')
        return self.resolve(name)


ONE = Form()
