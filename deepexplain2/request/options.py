"""The options of a run: declared, documented and checked once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from ..errors import ParameterError, shown
from ..kinds_of_values import flag, integer, sequence
from .progress import Progress


class ValueOptions(TypedDict, total=False):
    """Options of all that evaluates the graph in batches; BaseExplainer.run says more of each."""

    feed_dict: Mapping[Any, Any] | None         #: values of other placeholders that T needs, by tensor
    progress: bool | Callable[[Progress], Any] | None   #: True for a bar, or a function
    memory_limit: int | None                    #: bytes that one session.run may take, without batch_size


class StreamOptions(ValueOptions, total=False):
    """Options of `run` that every batch of a stream goes through."""

    return_delta: bool                          #: whether to return what the sum of every row misses
    return_std_error: bool                      #: whether to return standard errors
    classes: Any                                #: 'all' or a list of class indices: a map for each of them


class RunOptions(StreamOptions, total=False):
    """Options of `run` beside xs, ys and batch_size."""

    out: Any                                    #: arrays that the attributions are written into


@dataclass(frozen=True)
class Options:
    """The options of one run, checked."""

    batch_size: int | None = None
    feed_dict: Mapping[Any, Any] | None = None
    return_delta: bool = False
    return_std_error: bool = False
    progress: bool | Callable[[Progress], Any] | None = False
    memory_limit: int | None = None
    out: Any = None
    classes: Any = None
    with_ends: bool = False         # T at x and at the baseline too, for an Explanation; not for the caller

    def __post_init__(self) -> None:
        for name in ('batch_size', 'memory_limit'):
            if getattr(self, name) is not None:
                integer(getattr(self, name), name, 1)
        given = self.progress
        if given is not None and not isinstance(given, (bool, np.bool_)) and (
                isinstance(given, type) or not callable(given)):
            raise ParameterError(f'progress must be True, False or a function, not {shown(given)}')
        for name in ('return_delta', 'return_std_error'):
            flag(getattr(self, name), name)
        if self.classes is not None and not (isinstance(self.classes, str) and self.classes == 'all'):
            entries = sequence(self.classes, 'classes', "of class indices, or 'all'")
            object.__setattr__(self, 'classes', [integer(c, 'each of classes', 0) for c in entries])


VALUES = ['batch_size', *ValueOptions.__annotations__]
STREAMED = ['batch_size', *StreamOptions.__annotations__]
OPTIONS = list(dict.fromkeys(['batch_size', *RunOptions.__annotations__]))


def parse(batch_size: int | None, given: Mapping[str, Any], where: str = 'run',
          known: Sequence[str] = OPTIONS, parameters: Callable[[], Sequence[str]] = tuple) -> Options:
    """The options of one run.

    Parameters
    ----------
    batch_size, given
        What the caller gave: the batch size, and other options by name.
    where : str
        The call, for messages.
    known : sequence of str
        The options that the call takes.
    parameters : function -> sequence of str
        Gives the names of parameters of the method, which could have been meant.

    Raises
    ------
    ParameterError
        For an unknown name, with the closest one; for a value of another kind.
    """
    for name in given:
        if name not in known:
            takes = ['xs', 'ys', *known] if where == 'run' else list(known)
            names = parameters()
            close = [] if name in names else difflib.get_close_matches(name, [*takes, *names], n=1)
            hint = f' Did you mean "{close[0]}"?' if close else ''
            raise ParameterError(f'{where} has no option {name!r}.{hint} It takes: {", ".join(takes)}. '
                                 f'Parameters of a method belong to get_explainer')
    return Options(batch_size, **given)


def split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(options of `run`, the rest: parameters of the method) of the keywords of a call that takes both."""
    return ({name: value for name, value in given.items() if name in OPTIONS},
            {name: value for name, value in given.items() if name not in OPTIONS})
