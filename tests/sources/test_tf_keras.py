"""Keras 2 (tf_keras), in processes that import it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / 'programs' / 'tf_keras_ways.py'


@pytest.mark.parametrize('legacy', [False, True])
def test_tf_keras(legacy, tmp_path):
    """Beside Keras 3, and in its place: live models, SavedModel, HDF5, TF1-style session."""
    pytest.importorskip('tf_keras')
    environment = os.environ | ({'TF_USE_LEGACY_KERAS': '1'} if legacy else {})
    run = subprocess.run([sys.executable, str(PROGRAM), str(tmp_path)], capture_output=True, text=True,
                         timeout=400, env=environment)
    assert run.returncode == 0, run.stderr[-3000:]
