"""What a colour means: the range of values, its colours, and the bar that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ParameterError, ValueRangeError
from .figure import matplotlib

# From dark blue over white to red. A full red is lighter than a full blue (by 35 of 100 in CIE lightness), so
# that a print in grey tells them apart; blue and red are apart for the colour-blind too.
DIVERGING = '#0a1f55', '#1f4fa3', '#6f9fd8', '#c9dcf2', '#ffffff', '#fbd3bd', '#f39a75', '#e4613f', '#cf3a24'
SEQUENTIAL = '#ffffff', '#fdf0c4', '#fbd07c', '#f4a143', '#dd6d1c', '#a8430c', '#662506'
POSITIVE, NEGATIVE, NEUTRAL = '#cf3a24', '#1f4fa3', '#7a7a7a'
PERCENTILE = 99.5


@dataclass(frozen=True)
class Scale:
    """The range that colours cover.

    low, top: its ends; -top and top where it is signed. clipped: whether values lie beyond.
    """

    low: float
    top: float
    signed: bool
    unit: str
    percentile: float
    clipped: bool
    cmap: Any = None

    @classmethod
    def of(cls, arrays: Iterable[np.ndarray], unit: str = '', signed: bool | None = None,
           percentile: float = PERCENTILE, cmap: Any = None) -> Scale:
        """The scale of all these values together. signed: by default whether one of them is negative."""
        if isinstance(percentile, bool) or not isinstance(percentile, (int, float)) \
                or not 0 < percentile <= 100:
            raise ParameterError(f'percentile must be a number in (0, 100], not {percentile!r}')
        values = np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])
        if np.isinf(values).any():
            raise ValueRangeError(f'{np.isinf(values).sum()} of {values.size} attributions are infinite, and '
                                  f'no colour stands for them')
        values = values[~np.isnan(values)]
        signed = bool((values < 0).any()) if signed is None else signed
        sizes = np.abs(values) if signed else values
        top = float(np.percentile(sizes, percentile, method='higher')) if sizes.size else 0.
        if not top > 0:                                 # few values, all beyond the percentile
            top = float(sizes.max(initial=0))
        low = -top if signed else float(min(values.min(initial=top), top))
        clipped = bool((sizes > top).any())
        if not low < top:
            low, top = (-1., 1.) if signed else (low - 1 if low > 0 else low, low + 1)
        return cls(low, top, signed, unit, percentile, clipped, cmap)

    @property
    def colours(self) -> Any:
        """The colour map; transparent where there is no value."""
        from matplotlib.colors import LinearSegmentedColormap
        if self.cmap is not None:
            try:
                found = matplotlib().colormaps.get_cmap(self.cmap)
            except (ValueError, TypeError) as e:
                raise ParameterError(f'cmap {self.cmap!r}: {e}') from None
        else:
            stops = DIVERGING if self.signed else SEQUENTIAL
            found = LinearSegmentedColormap.from_list('diverging' if self.signed else 'sequential', stops)
        return found.with_extremes(bad=(1, 1, 1, 0))

    @property
    def norm(self) -> Any:
        """From values to 0..1."""
        from matplotlib.colors import Normalize
        return Normalize(self.low, self.top, clip=True)

    def rgba(self, values: np.ndarray) -> np.ndarray:
        """Colours of values, (..., 4)."""
        masked = np.ma.masked_invalid(np.asarray(values, np.float64))
        return self.colours(self.norm(masked))

    def strength(self, values: np.ndarray) -> np.ndarray:
        """How much of the range a value is, 0 to 1, by its size; 0 where there is none."""
        values = np.nan_to_num(np.asarray(values, np.float64))
        if self.signed:
            return np.clip(np.abs(values) / self.top, 0, 1)
        return np.clip((values - self.low) / (self.top - self.low), 0, 1)

    @property
    def label(self) -> str:
        """What the colour bar says."""
        said = self.unit or 'attribution'
        return f'{said}\n(clipped at {self.percentile:g} %)' if self.clipped else said

    def bar(self, ax: Any, **options: Any) -> Any:
        """A colour bar beside axes, or a list of them."""
        from matplotlib.cm import ScalarMappable
        extend = ('both' if self.signed else 'max') if self.clipped else 'neither'
        figure = np.asarray(ax, object).flat[0].figure
        bar = figure.colorbar(ScalarMappable(self.norm, self.colours), ax=ax, extend=extend,
                              label=self.label, **options)
        bar.outline.set_linewidth(.5)
        bar.ax.tick_params(labelsize=7)
        for axis in bar.ax.xaxis, bar.ax.yaxis:
            axis.label.set_size(8)
        ticker = matplotlib().ticker
        is_flat = options.get('orientation') == 'horizontal'
        if is_flat:                 # a common power of ten would stand on the label
            bar.formatter = ticker.StrMethodFormatter('{x:.3g}')
        else:
            bar.formatter.set_powerlimits((-3, 4))
        # numbers side by side take room
        bar.locator = ticker.MaxNLocator(3 if is_flat else 5, symmetric=self.signed)
        bar.update_ticks()
        return bar
