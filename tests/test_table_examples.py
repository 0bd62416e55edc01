"""The examples of tables and of black boxes, in their short form."""

import importlib.util

import numpy as np

from tests.support.example import load


def test_a_table(tmp_path, capsys):
    importance, found = load('tabular').main(short=True, output=tmp_path)
    assert list(importance.index[-2:].sort_values()) == ['colour of door', 'house number']      # play no part
    assert set(importance.index[:2]) == {'area', 'minutes to the centre'}
    groups = found.pop('groups')
    assert groups.index[-1] == 'what plays no part' and set(groups.index) > {'stairs', 'area', 'age'}
    for frame in found.values():
        assert frame.shape == (50, 7) and frame.index[0] == 'flat 0' and frame.columns[0] == 'area'
    assert (tmp_path / 'tabular.png').stat().st_size > 10_000
    assert 'columns in another order are refused' in capsys.readouterr().out


def test_black_boxes(capsys, tmp_path):
    found = load('black_box').main(short=True, output=tmp_path)
    out = capsys.readouterr().out
    assert np.all(found['plain function'][:, 4] == 0) and np.abs(found['plain function'][:, 0]).max() > .1
    for name, package in {'scikit-learn': 'sklearn', 'PyTorch': 'torch'}.items():
        is_installed = importlib.util.find_spec(package) is not None
        assert (name in found) == is_installed
        assert (f'{name} is not installed: its model is skipped' in out) == (not is_installed)
    assert 'income' in out and 'points' in out
