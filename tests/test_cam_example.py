"""The example of class activation maps runs in its short form and shows what it says."""

from tests.support.example import load


def test_cam(tmp_path, capsys):
    right, shares = load('cam').main(short=True, output=tmp_path)
    assert right > .4 and len(shares) == 9
    for name, share in shares.items():
        if name in ('eigen_cam', 'fem'):
            assert abs(share - .5) < .02                    # the same map for both classes
        else:
            assert share > (.5 if name in ('grad_cam++', 'score_cam') else .6)
    assert (tmp_path / 'cam.png').stat().st_size > 10_000
    assert 'on the side of the digit in question' in capsys.readouterr().out
