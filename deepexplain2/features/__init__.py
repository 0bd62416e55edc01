"""Features: what methods switch off together. In plain NumPy and scikit-image.

`features=` of a perturbation method takes `Axes`, `Windows`, `Grid`, `Segments`, `superpixels` or `Columns`.
"""

from .axes import Axes
from .columns import Columns
from .grid import Grid
from .segments import Segments
from .superpixels import superpixels
from .windows import Windows

__all__ = ['Axes', 'Columns', 'Grid', 'Segments', 'Windows', 'superpixels']
