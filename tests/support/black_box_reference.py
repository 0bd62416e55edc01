"""Networks with reference values of methods that see only values."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from deepexplain2.features import Segments
from tests.support.cams import built, cast
from tests.support.networks import v1

REFERENCE = np.load(Path(__file__).parent.parent / 'data' / 'black_box_reference.npz')


def reference(net, session):
    """(X, T, xs, ys, baselines, features) of a network of the reference."""
    inputs = sorted(k for k in REFERENCE.files if k.startswith(f'{net}/x'))
    xs = [cast(REFERENCE[k]) for k in inputs]
    X = [v1.placeholder(tf.float64, (None, *x.shape[1:])) for x in xs]
    baselines = [cast(REFERENCE[f'{net}/baseline{k}'][0]) for k in range(len(xs))]
    groups = Segments([REFERENCE[f'{net}/feature_mask/{k}'][0].astype(int) for k in range(len(xs))])
    return X, built(REFERENCE, net, X), xs, REFERENCE[f'{net}/y'], baselines, groups
