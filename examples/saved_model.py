"""
TF1: a SavedModel of another process
====================================

A SavedModel explained in a process that knows nothing of how it was built: by signature, by name, with a
table of its tensors.

One process writes the model, TF1 style (a graph, a session, simple_save); this one opens it, and draws how
the measurements of one row lead to its risk to examples/output/saved_model.png.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from deepexplain2 import DeepExplain, plots

HERE = Path(__file__).parent
WRITER = '''
import sys
import numpy as np, tensorflow as tf
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    x = v1.placeholder(tf.float32, [None, 6], 'measurements')
    hidden = tf.nn.elu(x @ v1.get_variable(
        'w1', initializer=np.random.default_rng(0).normal(size=(6, 8)).astype('f')), 'hidden')
    risk = tf.identity(hidden @ v1.get_variable(
        'w2', initializer=np.random.default_rng(1).normal(size=(8, 1)).astype('f')), 'risk')
    session.run(v1.global_variables_initializer())
    v1.saved_model.simple_save(session, sys.argv[1], {'measurements': x}, {'risk': risk})
'''


def main(short=False, output=HERE / 'output'):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'model'
        subprocess.run([sys.executable, '-c', WRITER, str(path)], check=True, capture_output=True)
        xs = np.random.default_rng(2).normal(size=(3, 6))
        with DeepExplain.from_saved_model(path) as de:
            de.describe()
            e = de.explanation('deeplift', de.outputs['risk'], de.inputs[0], xs)
    print('\nattributions of the six measurements, their sum, and f(x) - f(0):')
    for a, difference in zip(e.values, e.fx - e.f_baseline):
        print('  ' + ''.join(f'{v:8.2f}' for v in a) + f'   {a.sum():8.2f} {difference:8.2f}')
    output.mkdir(exist_ok=True)
    axis = plots.waterfall(e[0], feature_names=[f'measurement {k}' for k in range(6)])
    axis.figure.savefig(output / 'saved_model.png', dpi=110)
    return e.sums - (e.fx - e.f_baseline)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='the same')
    main(parser.parse_args().short)
