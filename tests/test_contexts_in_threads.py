"""Contexts in several threads, and whose default graph is whose."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
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


def saliency(de):
    return de.explain('saliency', de.outputs[0], de.inputs[0], XS, FIRST)


def test_two_threads_at_once(made):
    expected = {method: made.explain(method, made.outputs[0], made.inputs[0], XS) for method in METHODS}
    failures, barrier = [], threading.Barrier(2)

    def work(methods):
        try:
            barrier.wait()
            for method in methods * 3:
                with made as de:
                    got = de.explain(method, de.outputs[0], de.inputs[0], XS)
                np.testing.assert_allclose(got, expected[method], rtol=1e-5, atol=1e-7)
        except BaseException as e:
            failures.append(e)
    threads = [threading.Thread(target=work, args=(m,)) for m in (METHODS, METHODS[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_threads_enter_and_leave_a_session_of_a_user_on_their_own(users):
    """The default graph belongs to a thread: one that leaves does not leave for the other one."""
    session, X, T = users
    de, failures = DeepExplain(session), []
    entered, go_on = threading.Event(), threading.Event()

    def first():
        try:
            with de:
                entered.set()
                go_on.wait(60)
                assert tf.compat.v1.get_default_graph() is session.graph
            assert tf.compat.v1.get_default_graph() is not session.graph
        except BaseException as e:
            failures.append(e)

    def second():
        try:
            entered.wait(60)
            before = tf.compat.v1.get_default_graph()
            with de:
                assert tf.compat.v1.get_default_graph() is session.graph
                de.explain('saliency', T, X, XS)
                go_on.set()
                threads[0].join(60)
            assert tf.compat.v1.get_default_graph() is before
        except BaseException as e:
            failures.append(e)
        finally:
            go_on.set()
    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_default_graph_changes_only_inside_of_with_of_a_users_session(made, users):
    session, X, T = users
    outside = tf.compat.v1.get_default_graph()
    assert outside is session.graph                                  # the fixture has entered the session
    other = tf.Graph()
    with other.as_default():
        saliency(made)
        de = DeepExplain(session)
        de.explain('deeplift', T, X, XS)
        assert tf.compat.v1.get_default_graph() is other
        with made:
            assert tf.compat.v1.get_default_graph() is other
        with de:
            assert tf.compat.v1.get_default_graph() is session.graph
        assert tf.compat.v1.get_default_graph() is other
        with pytest.raises(ValueError), de:
            raise ValueError
        assert tf.compat.v1.get_default_graph() is other
    assert len(other.get_operations()) == 0


def test_eager_mode_goes_on_inside_of_with(made):
    with made as de:
        assert tf.executing_eagerly()
        saliency(de)
        assert tf.executing_eagerly()
        assert float(tf.constant(1.) + 1) == 2
