"""What every attribution method keeps to, as a check for methods of your own: `check_method`."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from .attribution import Method, methods
from .context import DeepExplain
from .errors import DeepExplainError, ParameterError

v1 = tf.compat.v1


def check_method(method: type[Method] | Method) -> None:
    """Check that a method keeps to the contract of all methods, on a small network with varied activations.

    Parameters
    ----------
    method : Method, or a class that derives from it
        A class is taken with its default parameters. It must be registered.

    Raises
    ------
    AssertionError
        That says which part of the contract does not hold, and for which numbers.

    Notes
    -----
    Checked: it is documented, frozen, comparable and refuses unknown parameters; attributions have the
    planned shape and the dtype of X; they do not depend on batch sizes, on the order of rows or on other
    rows, on the run (second and third, in threads, after the context); `run` adds no op, `explain` adds none
    the second time; the ways to say a target agree; a list X gives a list; a fixed batch and another input in
    feed_dict fit; a feature without influence gets 0; what the method promises to sum to holds; nothing of
    the caller changes. What the numbers *mean* is left to a test beside the definition of the method. Takes
    about a second for a gradient method.

    Examples
    --------
    >>> check_method(methods['saliency'])
    """
    made = method() if isinstance(method, type) else method
    for clause in CLAUSES:
        with _opened(made.needs_space, made.takes_images) as scene:
            try:
                clause(made, scene)
            except (AssertionError, DeepExplainError) as e:
                raise AssertionError(f'{made!r}: {clause.__doc__} {e}') from e


@dataclass
class _Scene:
    """A small network in a session: X (n, 5) float64, with more axes behind as `tail` says, T (n, 3), seven
    rows and the weights of T for each."""

    de: DeepExplain
    session: Any
    X: tf.Tensor
    T: tf.Tensor
    xs: np.ndarray
    ys: np.ndarray
    network: Callable[[tf.Tensor], tf.Tensor]
    tail: tuple[int, ...] = ()

    def placeholder(self, rows: int | None, count: int = 5) -> tf.Tensor:
        """An X of so many features."""
        return v1.placeholder(tf.float64, (rows, count, *self.tail))

    def explain(self, method: Method, T: tf.Tensor | None = None, X: Any = None, xs: Any = None,
                **options: Any) -> Any:
        return self.de.explain(method, self.T if T is None else T, self.X if X is None else X,
                               self.xs if xs is None else xs, **options)


@contextlib.contextmanager
def _opened(has_space: bool = False, has_images: bool = False) -> Iterator[_Scene]:
    """A scene; has_space: with a convolution along the features; has_images: with X of images (n, 5, 1)."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s) for s in ((5, 7), (7, 6), (6, 6), (6, 3))]
    biases = [rng.normal(size=len(w[0])) for w in weights]
    kernel, after = (np.random.default_rng(1).normal(size=s) for s in ((2, 1, 4), (56, 5)))

    def network(x):
        x = tf.squeeze(x, -1) if has_images else x
        if has_space:
            wide = tf.repeat(x, 3, 1)
            maps = tf.nn.elu(tf.nn.conv1d(wide[:, :, None], tf.constant(kernel, x.dtype), 1, 'VALID'))
            x = tf.reshape(maps, (-1, 56)) @ tf.constant(after, x.dtype)
        for w, b, f in zip(weights, biases, (tf.nn.elu, tf.nn.sigmoid, tf.nn.relu, tf.identity)):
            x = f(x @ tf.constant(w, x.dtype) + tf.constant(b, x.dtype))
        return x
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session, DeepExplain(session) as de:
        tail = (1,) if has_images else ()
        X = v1.placeholder(tf.float64, (None, 5, *tail), 'x')
        yield _Scene(de, session, X, network(X), rng.normal(size=(7, 5, *tail)), rng.normal(size=(7, 3)),
                     network, tail)


def _same(a: Any, b: Any, what: str) -> None:
    """Assert that two arrays are equal up to rounding: sums in another order differ by 1e-15 of the
    largest."""
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=what)


def documented(method: Method, scene: _Scene) -> None:
    """A method is registered, frozen, documented and comparable."""
    cls, doc = type(method), inspect.getdoc(type(method)) or ''
    assert methods.get(cls.name) is cls, f'"{cls.name}" is not registered'
    assert doc.split('\n\n')[0].strip(), 'it has no docstring'
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    missing = [f.name for f in fields if f.name not in doc]
    assert not missing, f'its docstring does not name {missing}'
    again = dataclasses.replace(method)  # type: ignore[type-var]
    assert again == method and hash(again) == hash(method), 'it is not equal to its copy'
    assert method != object(), 'it is equal to another object'
    assert repr(method).startswith(cls.__name__), 'its repr does not begin with its class'
    try:
        scene.de.explain(cls.name, scene.T, scene.X, scene.xs, no_such_parameter=1)
    except ParameterError:
        return
    raise AssertionError('an unknown parameter is accepted')


def shaped(method: Method, scene: _Scene) -> None:
    """Attributions have the planned shape and the dtype of X; a list X gives a list."""
    got = scene.explain(method, ys=scene.ys)
    planned, = method.plan([scene.xs.shape]).shapes
    assert got.shape == planned, f'shape {got.shape}, planned {planned}'
    assert got.dtype == scene.xs.dtype, f'dtype {got.dtype}'
    assert np.abs(got).max() > 0, 'all are 0'
    listed = scene.explain(method, X=[scene.X], xs=[scene.xs], ys=scene.ys)
    assert isinstance(listed, list) and len(listed) == 1, 'a list X gives no list'
    _same(listed[0], got, 'a list of one X')


def independent(method: Method, scene: _Scene) -> None:
    """Attributions of a row do not depend on batch sizes, the order of rows, other rows, runs and threads."""
    explainer = scene.de.get_explainer(method, scene.T, scene.X)
    scene.session.graph.finalize()              # from here on TensorFlow refuses any op
    xs, ys = scene.xs, scene.ys
    whole = explainer.run(xs, ys)
    for again in range(2):
        _same(explainer.run(xs, ys), whole, f'run {again + 2} of the same')
    for size in (1, 2, 3, 64):
        _same(explainer.run(xs, ys, size), whole, f'batch_size={size}')
    _same(explainer.run(xs[::-1], ys[::-1]), whole[::-1], 'rows in the opposite order')
    _same(explainer.run(xs[2:3], ys[2:3]), whole[2:3], 'a row alone')
    found: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda k=k: found.update({k: explainer.run(xs, ys, k)}))
               for k in (2, 3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in (2, 3):
        assert k in found, 'a run in a thread fails'
        _same(found[k], whole, 'a run in a thread')


def targeted(method: Method, scene: _Scene) -> None:
    """The ways to say a target agree, and `explain` adds ops the first time only."""
    classes = np.array([0, 2, 1, 1, 0, 2, 2])
    one_hot = np.eye(3)[classes]
    expected = scene.explain(method, ys=one_hot)
    before = len(scene.session.graph.get_operations())
    _same(scene.explain(method, ys=classes), expected, 'class indices')
    assert len(scene.session.graph.get_operations()) == before, 'the second `explain` adds ops'
    _same(scene.explain(method, T=scene.T * one_hot), expected, 'T * ys')
    _same(scene.explain(method, T=tf.reduce_sum(scene.T * one_hot, 1)), expected, 'a sum of T * ys')
    _same(scene.explain(method, T=scene.T[:, 1]), scene.explain(method, ys=[0., 1., 0.]), 'one unit')


def fitting(method: Method, scene: _Scene) -> None:
    """Graphs that fix the batch, and other inputs in feed_dict, give the same."""
    expected = scene.explain(method, ys=scene.ys)
    fixed = scene.placeholder(3)
    got = scene.explain(method, scene.network(tf.reshape(tf.reshape(fixed, (15,)), fixed.shape)), fixed,
                        ys=scene.ys)
    _same(got, expected, 'a fixed batch of 3')
    other = scene.placeholder(None)
    given = np.random.default_rng(3).normal(size=scene.xs.shape)
    joined = scene.network(scene.X + other)
    whole = scene.explain(method, joined, ys=scene.ys, feed_dict={other: given})
    _same(scene.explain(method, joined, ys=scene.ys, feed_dict={other: given}, batch_size=2), whole,
          'feed_dict in batches')
    alone = scene.explain(method, scene.network(scene.X + given[4]), xs=scene.xs[4:5], ys=scene.ys[4:5])
    _same(whole[4:5], alone, 'a row of feed_dict')


def meaningful(method: Method, scene: _Scene) -> None:
    """A feature without influence gets 0, and attributions sum to what the method promises."""
    wide = scene.placeholder(None, 6)
    xs = np.concatenate([scene.xs, scene.xs[:, :1] + 1], 1)
    got = scene.explain(method, scene.network(wide[:, :5]), wide, xs, ys='sum')
    if got.shape == xs.shape and method.zero_without_influence:
        assert np.all(got[:, 5] == 0), 'a feature that T does not depend on gets something'
    if method.sums_to == 'difference':
        values, delta = scene.explain(method, ys=scene.ys, return_delta=True)
        largest = np.abs(values.reshape(7, -1).sum(1)).max()
        # 100 points across the corners of a ReLU leave 1 %
        gap = np.abs(delta).max()
        assert gap <= .02 * largest, f'the sum misses f(x) - f(baseline) by {gap:.2g}'


def averaged(method: Method, scene: _Scene) -> None:
    """Against several references it gives the mean of what it gives against each."""
    if 'references' not in method.parameters:
        return

    def against(**compared: Any) -> np.ndarray:
        made = dataclasses.replace(method, baseline=None, **compared)   # type: ignore[type-var]
        return scene.explain(made, ys=scene.ys)
    references = np.random.default_rng(4).normal(size=(2, *scene.xs.shape[1:]))
    single = [against(references=r[None]) for r in references]
    _same(against(references=references), np.mean(single, 0), 'the mean over two references')


def harmless(method: Method, scene: _Scene) -> None:
    """Nothing of the caller changes: arrays, random state, graph of a call that fails."""
    xs, ys = scene.xs.copy(), scene.ys.copy()
    xs.setflags(write=False)
    ys.setflags(write=False)
    state = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    scene.explain(method, xs=xs, ys=ys)
    now = np.random.get_state()[1]  # type: ignore[index]  # noqa: NPY002
    assert np.array_equal(now, state), 'the random state of NumPy changes'
    before = len(scene.session.graph.get_operations())
    try:
        scene.explain(method, xs=np.full(scene.xs.shape, np.nan))
    except DeepExplainError:
        pass
    else:
        raise AssertionError('NaN in xs is accepted')
    assert len(scene.session.graph.get_operations()) == before, 'a call that fails adds ops'


CLAUSES = [documented, shaped, independent, targeted, fitting, meaningful, averaged, harmless]
