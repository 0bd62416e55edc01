"""Every example runs in its short form and shows what it says."""

import numpy as np
import pytest

from deepexplain2 import methods
from tests.support.example import EXAMPLES, load


def test_all_are_tested():
    assert {p.stem for p in EXAMPLES.glob('*.py')} == {
        'mnist', 'multiple_inputs', 'streaming', 'text_embeddings', 'keras3', 'saved_model', 'lstm_text',
        'black_box', 'cam', 'compare', 'detection', 'segmentation', 'superpixels', 'tabular'}


def test_mnist(tmp_path, capsys):
    maps = load('mnist').main(short=True, output=tmp_path)
    assert len(maps) == len(methods()) and (tmp_path / 'mnist.png').stat().st_size > 10_000
    out = capsys.readouterr().out
    assert all(name in out for name in maps)


def test_multiple_inputs(tmp_path):
    for shares in load('multiple_inputs').main(short=True, output=tmp_path).values():
        assert sum(shares[:2]) == pytest.approx(1)
        assert shares[3] > .4                               # one of five columns is the cause


def test_streaming(tmp_path):
    assert load('streaming').main(short=True, output=tmp_path) == {'saliency': 0, 'elrp': 0, 'deeplift': 0}


def test_text(tmp_path, capsys):
    words = load('text_embeddings').main(short=True, output=tmp_path)
    html = (tmp_path / 'text_embeddings.html').read_text()
    assert html.count('<span') > 20 and '<script' not in html
    assert all(np.isfinite(a).all() for a in words.values())
    assert '\x1b[' in capsys.readouterr().out


def test_keras3(capsys, tmp_path):
    found = load('keras3').main(short=True, output=tmp_path)
    assert set(found) == {'grad*input', 'intgrad', 'elrp', 'deeplift'}
    assert 'trains on' in capsys.readouterr().out


def test_saved_model(tmp_path):
    np.testing.assert_allclose(load('saved_model').main(short=True, output=tmp_path), 0, atol=1e-5)


def test_lstm_text(capsys, tmp_path):
    found = load('lstm_text').main(short=True, output=tmp_path)
    assert all(a.shape == (50, 16) for a in found.values())
    assert 'completeness gap' in capsys.readouterr().out


def test_intgrad_on_the_trained_digits_net_is_complete_to_a_percent():
    """At 50 steps, on every one of 100 test digits, in the small form of the net's training."""
    import tensorflow as tf

    from deepexplain2 import DeepExplain
    mnist, v1 = load('mnist'), tf.compat.v1
    (x, y), (x_test, y_test) = mnist.load(2000, 100)
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float32, [None, 28, 28, 1])
        logits = mnist.cnn(X)
        mnist.train(session, X, logits, x, y, epochs=2)
        a = de.explain('intgrad', logits, X, x_test, ys=y_test, steps=50)
        f = session.run(logits, {X: x_test})[np.arange(100), y_test]
        f0 = session.run(logits, {X: x_test[:1] * 0})[0, y_test]
        gap = np.abs(a.sum((1, 2, 3)) - (f - f0)) / np.abs(f - f0)
        assert np.median(gap) < .001 and np.sort(gap)[-3] < .01      # f - f0 itself may be near zero
