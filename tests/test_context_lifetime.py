"""How long contexts live: before, inside and after `with`, until `close`, and in memory."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from tests.support.contexts import FIRST, METHODS, XS, session_of_a_user, small_model


@pytest.fixture(scope='module')
def model():
    return small_model()


@pytest.fixture
def made(model):
    """A context of a from_... method, not entered."""
    return DeepExplain.from_keras(model, check=False)


@pytest.fixture
def users():
    """A session of a user, its X and its T."""
    with session_of_a_user() as opened:
        yield opened


def gradient(model):
    """|dT/dx| of the first unit, by Keras itself."""
    x = tf.constant(XS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=False)[:, 0]
    return np.abs(tape.gradient(y, x))


def saliency(de):
    return de.explain('saliency', de.outputs[0], de.inputs[0], XS, FIRST)


@pytest.mark.parametrize('method', METHODS)
def test_explainers_work_after_the_with_block(made, method):
    with made as de:
        explainer = de.get_explainer(method, de.outputs[0], de.inputs[0])
        inside = explainer.run(XS, FIRST)
    np.testing.assert_array_equal(explainer.run(XS, FIRST), inside)
    np.testing.assert_array_equal(made.explain(method, made.outputs[0], made.inputs[0], XS, FIRST), inside)


def test_the_context_itself_need_not_be_kept(model):
    with DeepExplain.from_keras(model, check=False) as de:
        explainer = de.get_explainer('saliency', de.outputs[0], de.inputs[0])
    del de
    gc.collect()
    np.testing.assert_allclose(explainer.run(XS, FIRST), gradient(model), rtol=1e-5, atol=1e-7)


def test_no_with_is_needed(made, model):
    np.testing.assert_allclose(saliency(made), gradient(model), rtol=1e-5, atol=1e-7)
    assert made.tensor(made.outputs[0].name) is made.outputs[0]


def test_entered_again_and_twice_nested(made):
    expected = saliency(made)
    for _ in range(2):
        with made as outer:
            with made as inner:
                assert outer is inner is made
                np.testing.assert_array_equal(saliency(inner), expected)
            np.testing.assert_array_equal(saliency(outer), expected)
        np.testing.assert_array_equal(saliency(made), expected)


def test_a_session_of_a_user_is_entered_again_and_twice_nested(users):
    session, X, T = users
    de = DeepExplain(session)
    for _ in range(2):
        with de:
            with de:
                assert tf.compat.v1.get_default_graph() is session.graph
            assert tf.compat.v1.get_default_graph() is session.graph
            assert de.explain('saliency', T, X, XS).shape == XS.shape


def test_leaving_more_often_than_entering_is_an_error(made):
    with made:
        pass
    with pytest.raises(errors.ContextError, match='not entered, or was left before'):
        made.__exit__(None, None, None)


@pytest.mark.parametrize('leave', [False, True], ids=['never entered', 'entered and left'])
def test_close_ends_it(made, leave):
    explainer = made.get_explainer('saliency', made.outputs[0], made.inputs[0])
    explainer.run(XS)
    if leave:
        with made:
            pass
    T, X = made.outputs[0], made.inputs[0]
    made.close()
    made.close()
    calls = {
        'explain': lambda: made.explain('saliency', T, X, XS),
        'another method': lambda: made.explain('deeplift', T, X, XS),
        'get_explainer': lambda: made.get_explainer('intgrad', T, X),
        'run': lambda: explainer.run(XS),
        'audit': lambda: made.audit('deeplift', T, X),
        'with': made.__enter__,
    }
    for name, call in calls.items():
        with pytest.raises(errors.ContextError, match='closed'):
            call()
            pytest.fail(f'{name} worked after close')


def test_close_inside_of_with(made):
    with made as de:
        de.close()
        with pytest.raises(errors.ContextError, match='closed'):
            saliency(de)


def test_a_session_of_a_user_is_never_closed(users):
    session, X, T = users
    de = DeepExplain(session)
    with de:
        explainer = de.get_explainer('deeplift', T, X)
        expected = explainer.run(XS)
    de.close()
    assert session.run(T, {X: XS}).shape == (6, 3)
    np.testing.assert_array_equal(explainer.run(XS), expected)
    np.testing.assert_array_equal(de.explain('deeplift', T, X, XS), expected)
    del de, explainer
    gc.collect()
    assert session.run(T, {X: XS}).shape == (6, 3)


@pytest.mark.parametrize('entered', [False, True])
def test_dropped_contexts_keep_no_session_and_no_graph(model, entered):
    alive = []
    for k in range(20):
        de = DeepExplain.from_keras(model, check=k % 5 == 0)
        if entered:
            with de:
                saliency(de)
        else:
            de.explain(METHODS[k % 3], de.outputs[0], de.inputs[0], XS)
        alive += [weakref.ref(de), weakref.ref(de.session), weakref.ref(de.graph)]
        del de
    gc.collect()
    assert [ref() for ref in alive if ref() is not None] == []


def test_a_context_does_not_keep_the_model():
    model = keras.Sequential([keras.Input((5,)), L.Dense(3)])
    de = DeepExplain.from_keras(model)
    kept = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert kept() is None
    assert saliency(de).shape == XS.shape
