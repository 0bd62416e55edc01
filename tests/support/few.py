"""Methods with no more runs than a test needs."""

from dataclasses import replace

from deepexplain2 import methods
from deepexplain2.features import Grid
from deepexplain2.parameters import kinds

STEPS, SAMPLES, EVALUATIONS = 8, 4, 400
# the methods that explain a graph without spatial axes
ANYWHERE = sorted(name for name, cls in methods.items() if cls.needs_space is not True)


def coarse(method):
    """The method on four cells of an image where it takes no more than a few features."""
    return replace(method, features=Grid(2)) if method.name == 'shapley' else method


def few(name):
    """The method of a name, with few points on its path, or few samples: how runs are made is seen in 8 as in
    100."""
    cls = methods[name]
    return cls(**{k: n for k, n in {'steps': STEPS, 'samples': SAMPLES,
                                     'max_evaluations': EVALUATIONS}.items() if k in kinds(cls)})
