"""Options of a run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, shown
from ..kinds_of_values import flag, integer


def check_options(batch_size: Any, memory_limit: Any, progress: Any, **flags: Any) -> None:
    """Raise ParameterError for options of `run` that are not of their kind."""
    for name, value in ('batch_size', batch_size), ('memory_limit', memory_limit):
        if value is not None:
            integer(value, name, 1)
    if progress is not None and not isinstance(progress, (bool, np.bool_)) and (isinstance(progress, type)
                                                                                or not callable(progress)):
        raise ParameterError(f'progress must be True, False or a function, not {shown(progress)}')
    for name, value in flags.items():
        flag(value, name)


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise ParameterError for an option of another name."""
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise ParameterError(f'{where} has no option {name!r}.' + (f' Did you mean "{close[0]}"?'
                                                                       if close else '')
                                 + f' It takes: {", ".join(known)}. Parameters of a method belong to '
                                   f'get_explainer')
