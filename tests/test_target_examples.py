"""The examples of detection and segmentation run in their short form and show what they say."""

from tests.support.example import load


def test_detection(tmp_path, capsys):
    _, shares = load('detection').main(short=True, output=tmp_path)
    assert set(shares) == {'occlusion', 'intgrad'}
    assert all(within.mean() > .6 for within in shares.values())        # of 11 % of the image
    assert (tmp_path / 'detection.png').stat().st_size > 10_000
    assert 'of what speaks for the box lies within it' in capsys.readouterr().out


def test_segmentation(tmp_path, capsys):
    right, shares = load('segmentation').main(short=True, output=tmp_path)
    assert right > .9 and len(shares) == 3
    assert all(near.mean() > .6 for near in shares.values())            # of 22 % of the image
    assert (tmp_path / 'segmentation.png').stat().st_size > 10_000
    assert 'of the attributions are on the disc' in capsys.readouterr().out
