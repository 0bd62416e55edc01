"""What of the outputs of a model is explained, as objects."""

from .base import Target
from .detection import Detection
from .embedding import Embedding
from .function import FunctionTarget
from .loss import Loss
from .regression import DistanceToPrediction, Regression
from .scores import ClassScore, Probability
from .segmentation import Segmentation
from .zones import border_zone, class_zone, common_border_zone, component_zone

__all__ = ['ClassScore', 'Detection', 'DistanceToPrediction', 'Embedding', 'FunctionTarget', 'Loss',
           'Probability', 'Regression', 'Segmentation', 'Target', 'border_zone', 'class_zone',
           'common_border_zone', 'component_zone']
