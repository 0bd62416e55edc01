"""The example of comparisons runs in its short form and shows what it says."""

from tests.support.example import load


def test_compare(tmp_path, capsys):
    table, curves = load('compare').main(short=True, output=tmp_path)
    assert table.is_complete and table.ordered[-1] == 'random'
    assert curves['guided_backprop'][0] > curves['gradient'][0] + .3
    assert (tmp_path / 'compare.png').stat().st_size > 10_000
    assert (tmp_path / 'randomization.png').stat().st_size > 5_000
    assert (tmp_path / 'compare.md').read_text().startswith('| method | deletion ↓ |')
    assert 'from the logits down' in capsys.readouterr().out
