"""The example of superpixels runs in its short form and shows what it says."""

from tests.support.example import load


def test_superpixels(tmp_path, capsys):
    right, shares = load('superpixels').main(short=True, output=tmp_path)
    assert right > .8 and len(shares) == 6
    assert all(shares[name] > .6 for name in ('occlusion', 'lime', 'kernel_shap', 'rise')), shares
    assert (tmp_path / 'superpixels.png').stat().st_size > 10_000
    assert 'on its side' in capsys.readouterr().out
