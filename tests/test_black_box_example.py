"""The example of black boxes, in its short form."""

import importlib.util

import numpy as np

from tests.test_examples import load


def test_black_boxes(capsys):
    found = load('black_box').main(short=True)
    out = capsys.readouterr().out
    assert np.all(found['plain function'][:, 4] == 0) and np.abs(found['plain function'][:, 0]).max() > .1
    for name, package in {'scikit-learn': 'sklearn', 'PyTorch': 'torch'}.items():
        is_installed = importlib.util.find_spec(package) is not None
        assert (name in found) == is_installed
        assert (f'{name} is not installed: its model is skipped' in out) == (not is_installed)
    assert 'income' in out and 'points' in out
