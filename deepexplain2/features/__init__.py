"""Features: what methods switch off together. In plain NumPy and scikit-image.

`features=` of a perturbation method takes `Axes`, `Windows`, `Grid`, `Segments`, `superpixels`, `Columns` or
`Words`; `baseline=` also `Blur`, `Mean`, `UniformNoise` and `Inpaint`.
"""

from .axes import Axes
from .columns import Columns
from .conditional import Inpaint
from .fills import Blur, Mean, UniformNoise
from .grid import Grid
from .segments import Segments
from .superpixels import superpixels
from .windows import Windows
from .words import Words

__all__ = ['Axes', 'Blur', 'Columns', 'Grid', 'Inpaint', 'Mean', 'Segments', 'UniformNoise', 'Windows',
           'Words', 'superpixels']
