"""Detection beside D-RISE's similarity in NumPy: factors, formats, outputs, ragged references."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.targets import Detection
from tests.support.networks import v1

RNG = np.random.default_rng(1)
N, D, J, C = 3, 4, 5, 3
W, B, V, P = (RNG.normal(size=s) * .6 for s in ((D, 6), (6, J * 4), (6, J), (6, J * C)))
XS = RNG.normal(size=(N, D))
SWITCHES = [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1)]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def predicted(x):
    """Boxes as corner, width and height; logits of objectness and classes. All boxes cover the middle."""
    h = np.tanh(x @ W)
    b = (h @ B).reshape(-1, J, 4)
    return np.concatenate([np.tanh(b[..., :2]) * .5, 1 + np.log1p(np.exp(b[..., 2:]))], -1), h @ V, \
        (h @ P).reshape(-1, J, C)


def iou(a, b):
    """Of two boxes (x0, y0, x1, y1)."""
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def similarity(x, references, switches=(1, 1, 1)):
    """T by its definition, in loops; references: corners and class of every row."""
    result = []
    for boxes, o, c, given in zip(*predicted(x), references):
        best = []
        for r in given:
            one = np.eye(C)[int(r[4])]
            p = softmax(c)
            best.append(max(
                (iou(np.r_[q[:2], q[:2] + q[2:]], r[:4]) if switches[0] else 1)
                * (sigmoid(o[j]) if switches[1] else 1)
                * (p[j] @ one / np.linalg.norm(p[j]) if switches[2] else 1) for j, q in enumerate(boxes)))
        result.append(np.mean(best))
    return np.array(result)


# one, two and three boxes, near predicted ones
REFERENCES = [np.c_[b[:k + 1, :2] + .1, b[:k + 1, :2] + b[:k + 1, 2:] * 1.1, [0, 2, 1][:k + 1]]
              for k, b in enumerate(predicted(XS)[0])]


@pytest.fixture(scope='module')
def net():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, D), 'x')
        h = tf.nn.tanh(X @ W)
        b = tf.reshape(h @ B, (-1, J, 4))
        boxes = tf.concat([tf.tanh(b[..., :2]) * .5, 1 + tf.nn.softplus(b[..., 2:])], -1, name='boxes')
        objectness = tf.identity(h @ V, 'objectness')
        classes = tf.reshape(h @ P, (-1, J, C), name='classes')
        tf.concat([boxes, objectness[..., None], classes], -1, name='all')
        yield de, X


OUTPUTS = {name: name for name in ('boxes', 'objectness', 'classes')}
PLAIN = Detection('softmax', format='xywh', reference_format='xyxy', reference_classes='indices',
                  outputs=OUTPUTS)


def with_factors(switches):
    position, objectness, classes = map(bool, switches)
    return Detection('softmax', None, position, objectness, classes, 'xywh', 'xyxy',
                     reference_classes='indices', outputs=OUTPUTS)


@pytest.mark.parametrize('switches', SWITCHES)
def test_the_definition(net, switches):
    """The value, the gradient by differences, occlusion, and sums of methods that promise one."""
    de, X = net
    target = with_factors(switches)

    def f(x):
        return similarity(x, REFERENCES, switches)
    whole = all(switches)               # what is not about factors is looked at with all of them
    for batch_size in (None, 1, 2) if whole else (None,):
        np.testing.assert_allclose(de.value(target, X, XS, REFERENCES, batch_size), f(XS), rtol=1e-9)
    gradient = np.stack([f(XS + e) - f(XS - e) for e in 1e-5 * np.eye(D)], 1) / 2e-5
    assert np.abs(gradient).max() > 1e-2
    for batch_size in (None, 1) if whole else (None,):
        np.testing.assert_allclose(de.explain('grad*input', target, X, XS, REFERENCES, batch_size),
                                   XS * gradient, rtol=1e-5, atol=1e-8)
    gone = np.stack([f(np.where(np.arange(D) == k, 0, XS)) for k in range(D)], 1)
    np.testing.assert_allclose(de.explain('occlusion', target, X, XS, REFERENCES), f(XS)[:, None] - gone,
                               atol=1e-9)
    for method, parameters, close in (('deeplift', {}, 1e-9), ('shapley_sampling', {'samples': 2}, 1e-9),
                                      ('intgrad', {'steps': 100}, 2e-2))[:3 if whole else 1]:   # kinks of IoU
        found = de.explain(method, target, X, XS, REFERENCES, baseline=.3, **parameters)
        np.testing.assert_allclose(found.sum(1), f(XS) - f(np.full_like(XS, .3)), atol=close)
    for method in ('saliency', 'elrp') if whole else ():
        assert np.isfinite(de.explain(method, target, X, XS, REFERENCES)).all()


def test_structures_of_outputs(net):
    de, X = net
    expected = similarity(XS, REFERENCES)
    boxes, objectness, classes, joined = (de.tensor(name) for name in (*OUTPUTS, 'all'))
    grid = {name: tf.reshape(t, (-1, J, 1, t.shape[-1]))
            for name, t in (('boxes', boxes), ('classes', classes), ('objectness', objectness[..., None]))}
    for outputs in joined, [boxes, objectness, classes], [boxes, objectness[..., None], classes], grid, \
            {**grid, 'objectness': grid['objectness'][..., 0]}, joined[:, :, None]:
        np.testing.assert_allclose(de.value(PLAIN.on(outputs), X, XS, REFERENCES), expected, rtol=1e-9)
    without = similarity(XS, REFERENCES, (1, 0, 1))
    np.testing.assert_allclose(de.value(PLAIN.on([boxes, classes]), X, XS, REFERENCES), without, rtol=1e-9)
    single = Detection('softmax', format='xywh', reference_format='xyxy', reference_classes='indices',
                       has_objectness=False, outputs=tf.concat([boxes, classes], -1))
    np.testing.assert_allclose(de.value(single, X, XS, REFERENCES), without, rtol=1e-9)
    probabilities = Detection('probabilities', 'logits', format='xywh', reference_format='xyxy',
                              reference_classes='indices',
                              outputs={**OUTPUTS, 'classes': tf.nn.softmax(classes)})
    np.testing.assert_allclose(de.value(probabilities, X, XS, REFERENCES), expected, rtol=1e-9)


def test_forms_of_references(net):
    """Ragged lists, arrays with padding, one box per row, one-hot vectors, objectness."""
    de, X = net
    expected = similarity(XS, REFERENCES)
    vectors = Detection('softmax', format='xywh', reference_format='xyxy', outputs=OUTPUTS)
    one_hot = [np.c_[r[:, :4], np.eye(C)[r[:, 4].astype(int)]] for r in REFERENCES]
    doubled = [np.c_[r[:, :4], np.full(len(r), .7), 2 * np.eye(C)[r[:, 4].astype(int)]] for r in REFERENCES]
    for ys in one_hot, doubled, [r.tolist() for r in one_hot], np.array(one_hot, object):
        np.testing.assert_allclose(de.value(vectors, X, XS, ys), expected, rtol=1e-9)
    for fill in 0, -1:
        padded = np.full((N, 4, 5), fill, float)
        for k, r in enumerate(REFERENCES):
            padded[k, :len(r)] = r
        np.testing.assert_allclose(de.value(PLAIN, X, XS, padded), expected, rtol=1e-9)
    first = np.array([r[0] for r in REFERENCES])
    expected = similarity(XS, first[:, None])
    for ys in first, list(first), first[:, None]:
        np.testing.assert_allclose(de.value(PLAIN, X, XS, ys), expected, rtol=1e-9)


def test_formats_and_units(net):
    de, X = net
    expected, height, width = similarity(XS, REFERENCES), 20., 50.
    scale = np.array([width, height, width, height, 1])
    forms = {'xyxy': lambda r: r, 'yxyx': lambda r: r[:, [1, 0, 3, 2, 4]],
             'xywh': lambda r: np.c_[r[:, :2], r[:, 2:4] - r[:, :2], r[:, 4]],
             'cxcywh': lambda r: np.c_[(r[:, :2] + r[:, 2:4]) / 2, r[:, 2:4] - r[:, :2], r[:, 4]]}
    for form, units, reference_units, factor in (
            ('xyxy', 'pixels', None, 1), ('yxyx', 'pixels', 'normalized', 1 / scale),
            ('cxcywh', 'normalized', 'pixels', scale), ('xywh', 'pixels', None, 1)):
        target = Detection('softmax', format='xywh', reference_format=form, units=units,
                           reference_units=reference_units, image_size=(height, width),
                           reference_classes='indices', outputs=OUTPUTS)
        ys = [forms[form](r * factor) for r in REFERENCES]
        np.testing.assert_allclose(de.value(target, X, XS, ys), expected, rtol=1e-9)
    boxes = de.tensor('boxes')
    x, y, w, h = (boxes[..., k] for k in range(4))
    for form, parts in ('yxyx', [y, x, y + h, x + w]), ('cxcywh', [x + w / 2, y + h / 2, w, h]):
        target = Detection('softmax', format=form, reference_format='xyxy', reference_classes='indices',
                           outputs={**OUTPUTS, 'boxes': tf.stack(parts, -1)})
        np.testing.assert_allclose(de.value(target, X, XS, REFERENCES), expected, rtol=1e-9)
    with pytest.raises(errors.ParameterError, match='how many pixels'):
        Detection('softmax', reference_units='normalized')


def test_edges():
    """Padding of predictions, boxes without an area, no overlap: 0 and finite, and said."""
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float32, (None, 4, 7))
        y = X * 1.
        xs = np.zeros((2, 4, 7), 'f')
        xs[:, :, :4] = [[0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 0, 0], [-1, -1, -1, -1]]
        xs[:, :, 4:] = [[.5, 1, 0], [1, .6, .8], [9, 9, 9], [-1, -1, -1]]       # padding that would win
        ys = [[[0, 0, 2, 2, 1, 0]], [[1, 1, 3, 3, 0, 1], [0, 0, 2, 2, 1, 0]]]
        for switches, expected in (((1, 1, 1), [.5, .65]), ((0, 1, 0), [1, 1]), ((0, 0, 1), [1, .9]),
                                   ((0, 1, 1), [.6, .7])):
            target = Detection('probabilities', None, *map(bool, switches), outputs=y)
            np.testing.assert_allclose(de.value(target, X, xs, ys), expected, rtol=1e-6)
            for method in ('grad*input', 'intgrad', 'deeplift') if all(switches) else ('grad*input',):
                assert np.isfinite(de.explain(method, target, X, xs, ys)).all()
        far = [[[50, 50, 52, 52, 1, 0]], ys[1]]
        target = Detection('probabilities', outputs=y)
        np.testing.assert_allclose(de.value(target, X, xs, far), [0, .65], rtol=1e-6)
        for method in 'occlusion', 'grad*input':
            with pytest.warns(errors.TargetWarning, match='1 of 2 rows are 0: no predicted box'):
                found = de.explain(method, target, X, xs, far)
            assert np.isfinite(found).all() and not found[0].any() and found[1].any()


GOOD = [r.tolist() for r in REFERENCES]
BAD = {
    'none': (None, 'FeedError', 'the reference boxes of every row'),
    'rows': (GOOD[:2], 'ShapeError', 'the boxes of 3 rows.* not 2 entries'),
    'an empty row': ([GOOD[0], [], GOOD[2]], 'ValueRangeError', 'row 1 has no box'),
    'padding alone': ([GOOD[0], [[0] * 5], GOOD[2]], 'ValueRangeError', 'row 1 has no box but padding'),
    'no area': ([GOOD[0], GOOD[1], [[1, 1, .5, 2, 0]]], 'ValueRangeError',
                r"row 2, box 0: .* has no area in format 'xyxy'"),
    'class': ([GOOD[0], GOOD[1], [[1, 1, 2, 2, 3]]], 'ValueRangeError', 'row 2, box 0: there is no class 3'),
    'width': ([GOOD[0], GOOD[1], [[1, 1, 2, 2, 0, 0, 0]]], 'ShapeError', "row 2: boxes have 7 numbers"),
    'nan': ([GOOD[0], GOOD[1], [[1, 1, 2, np.nan, 0]]], 'ValueRangeError', 'row 2 holds 1 values'),
    'text': ('abc', 'ShapeError', 'row 0 is not an array'),
}


@pytest.mark.parametrize('case', BAD)
def test_bad_references(net, case, monkeypatch):
    de, X = net
    ys, error, message = BAD[case]
    explainer = de.get_explainer('occlusion', PLAIN, X)
    monkeypatch.setattr(de.session, '_make_callable_from_options', None)            # nothing is run
    with pytest.raises(getattr(errors, error), match=message):
        explainer.run(XS, ys)


def test_bad_outputs_and_parameters(net):
    de, X = net
    boxes, classes = de.tensor('boxes'), de.tensor('classes')
    for outputs, message in ((boxes, r'\(batch, boxes, 5 \+ classes\)'),
                             ([classes, boxes], 'boxes .* must be'), ([boxes] * 4, 'by name'),
                             ({'boxes': boxes}, 'must be "boxes", "classes"'),
                             ({'boxes': boxes, 'classes': classes[:, :2]}, 'classes .* must be'),
                             ([boxes, classes[..., :1], classes[..., 1:2]], 'both may be the objectness')):
        with pytest.raises(errors.TensorError, match=message):
            de.value(PLAIN.on(outputs), X, XS, REFERENCES)
    for parameters, message in (({}, 'needs class_scores'), ({'class_scores': 'logits'}, 'one of'),
                                ({'position': False, 'objectness': False, 'classes': False}, 'all False'),
                                ({'class_scores': 'softmax', 'image_size': 3}, r'\(height, width\)')):
        with pytest.raises(errors.ParameterError, match=message):
            Detection(**parameters)
