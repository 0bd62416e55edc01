"""Models that another process wrote."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepexplain2 import DeepExplain, errors

WRITER = Path(__file__).parents[1] / 'programs' / 'writers.py'


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A folder for each way to write a model, filled by another process."""
    folder = tmp_path_factory.mktemp('written')
    run = subprocess.run([sys.executable, str(WRITER), str(folder)], capture_output=True, text=True,
                         timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    return folder


@pytest.mark.parametrize('way', ['keras', 'h5', 'export', 'tf1', 'frozen'])
def test_models_written_by_another_process(way, written):
    tmp_path = written / way
    rng = np.random.default_rng(0)
    w, b, w2, b2 = (rng.normal(size=s).astype('f') for s in ((4, 6), (6,), (6, 2), (2,)))
    xs = np.random.default_rng(1).normal(size=(3, 4)).astype('f')
    open_it = {'keras': lambda: DeepExplain.from_keras(tmp_path / 'm.keras'),
               'h5': lambda: DeepExplain.from_keras(str(tmp_path / 'm.h5')),
               'export': lambda: DeepExplain.from_saved_model(tmp_path / 'm'),
               'tf1': lambda: DeepExplain.from_saved_model(str(tmp_path / 'm')),
               'frozen': lambda: DeepExplain.from_graph_def(tmp_path / 'm.pb')}[way]
    with open_it() as de:
        f = np.maximum(xs @ w + b, 0) @ w2 + b2
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: xs}), f, rtol=1e-4, atol=1e-5)
        a = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, ys=np.array([0, 1, 1]))
        f0 = np.maximum(b, 0) @ w2 + b2
        np.testing.assert_allclose(a.sum(1), (f - f0)[np.arange(3), [0, 1, 1]], rtol=1e-4, atol=1e-5)
        assert not hasattr(de, 'signature')
    if way == 'tf1':
        with pytest.raises(errors.SourceError, match=r"has no signature 'other'. It has: serving_default"):
            DeepExplain.from_saved_model(tmp_path / 'm', signature='other')
