"""How long methods that draw samples go on: a number of draws, a tolerance, Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..errors import ToleranceWarning, warn


class Found(Protocol):
    """What was found from the draws up to now.

    Attributes
    ----------
    least : int
        How many draws a result takes.
    result : str
        What a message calls the result.
    """

    least: int
    result: str

    @property
    def drawn(self) -> int:
        """How many draws there are."""

    def is_within(self, tolerance: float) -> bool:
        """Whether every standard error is at most `tolerance` times the largest value of its row."""

    def largest_error(self) -> float:
        """The largest standard error."""


def draw(method: Any, found: Found, add: Callable[[int], None], draws: str = 'samples',
         together: int = 1) -> None:
    """Draw until there are `samples`; with a tolerance twice as many again until it is kept.

    Parameters
    ----------
    method : Method with samples, tolerance and max_samples
        What is asked for. Where max_samples do not suffice a ToleranceWarning says so.
    found : Mean or Moments
        What the draws add up to. Interrupted (Ctrl-C) after enough of them for a result it holds those made,
        which a ToleranceWarning reports.
    add : function (missing) -> None
        Adds at least one draw and at most `missing` to `found`.
    draws : str
        How a message calls the draws.
    together : int
        How many draws form a group, of which only the very last is not whole.
    """
    def is_exact() -> bool:
        return method.tolerance is None or found.is_within(method.tolerance)

    wanted = method.samples
    if method.tolerance is not None:                        # half of a pair only at the very end
        wanted = min(wanted + wanted % together, max(wanted, method.max_samples))
    try:
        while found.drawn < wanted:
            add(wanted - found.drawn)
            if wanted <= found.drawn < method.max_samples and not is_exact():
                wanted = min(max(2 * together, 2 * found.drawn), method.max_samples)
    except KeyboardInterrupt:
        if found.drawn < found.least:
            raise
        warn(f'{method.name} was interrupted after {found.drawn} of {wanted} {draws}: the result is their '
             f'{found.result}', ToleranceWarning)
    if not is_exact():
        warn(f'{method.name}: after {found.drawn} {draws} the largest standard error is '
             f'{found.largest_error():.2g}, more than tolerance={method.tolerance} of the largest '
             f'attribution of its row. Raise max_samples', ToleranceWarning)
