"""Plots of attributions with matplotlib: NumPy in, axes out.

Every function takes an `Explanation` or arrays and draws on `ax`, or on a new figure of pyplot, which is
closed where drawing fails. Nothing is shown (`plt.show`), saved or set for other figures. Signed attributions
have colours that are symmetric about 0: red speaks for the target, blue against it.
"""

from .bar import bar, global_bar
from .beeswarm import beeswarm
from .choose import plot
from .comparison import comparison
from .curves import curve, curves
from .detections import detections
from .heatmap import heatmap
from .image import image
from .images import images
from .layers import layers
from .logo import logo
from .scatter import scatter
from .segmentation import segmentation
from .series import series
from .text import text
from .waterfall import waterfall

__all__ = ['bar', 'beeswarm', 'comparison', 'curve', 'curves', 'detections', 'global_bar', 'heatmap',
           'image', 'images', 'layers', 'logo', 'plot', 'scatter', 'segmentation', 'series', 'text',
           'waterfall']
