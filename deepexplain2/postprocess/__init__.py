"""After the maps: channels to one map, signs, scale, frequencies, segments and size. NumPy only.

Every function takes attributions as an array (n, ...) with one row per sample, a list of them with one per
input, or an Explanation, and returns the same kind. Nothing is changed in place.
"""

from .channels import channels
from .frequencies import forgrad
from .scale import negative, normalize, positive
from .segments import segment_mean
from .size import upsample

__all__ = ['channels', 'forgrad', 'negative', 'normalize', 'positive', 'segment_mean', 'upsample']
