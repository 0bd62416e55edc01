"""Networks with reference values of methods that see only values."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from deepexplain2.features import Segments
from tests.support.cams import built, cast
from tests.support.networks import v1

DATA = Path(__file__).parent.parent / 'data'
REFERENCE = np.load(DATA / 'black_box_reference.npz')
METRICS = np.load(DATA / 'metric_reference.npz')


def reference(net, session, values=REFERENCE):
    """(X, T, xs, ys, baselines, features) of a network of the reference."""
    inputs = sorted(k for k in values.files if k.startswith(f'{net}/x'))
    xs = [cast(values[k]) for k in inputs]
    X = [v1.placeholder(tf.float64, (None, *x.shape[1:])) for x in xs]
    baselines = [cast(values[f'{net}/baseline{k}'][0]) for k in range(len(xs))]
    groups = Segments([values[f'{net}/feature_mask/{k}'][0].astype(int) for k in range(len(xs))])
    return X, built(values, net, X), xs, values[f'{net}/y'], baselines, groups
