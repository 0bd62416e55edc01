"""Features: what methods switch off together. In plain NumPy and scikit-image.

`features=` of a perturbation method takes `Axes`, `Windows`, `Grid`, `Segments`, `superpixels` or `Columns`;
`baseline=` also `Blur` and `UniformNoise`.
"""

from .axes import Axes
from .columns import Columns
from .fills import Blur, UniformNoise
from .grid import Grid
from .segments import Segments
from .superpixels import superpixels
from .windows import Windows

__all__ = ['Axes', 'Blur', 'Columns', 'Grid', 'Segments', 'UniformNoise', 'Windows', 'superpixels']
