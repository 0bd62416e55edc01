"""Errors of lrp and of its rules."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.lrp import (
    Composite,
    alpha_beta,
    epsilon,
    first,
    flat,
    gamma,
    passes,
    z_box,
)
from tests.support.linear_forms import small_opened
from tests.support.networks import v1


@pytest.fixture
def scene():
    with small_opened() as found:
        yield found


BAD = {
    'an unknown composite': ({'composite': 'epsilon_minus'}, "composite must be one of 'epsilon', .* or a Composite"),
    'no bounds': ({'composite': 'epsilon_gamma_box'}, "'epsilon_gamma_box' needs low= and high="),
    'bounds of nothing': ({'low': 0}, 'low and high belong to composite=.epsilon_gamma_box.'),
    'bounds turned around': ({'composite': 'epsilon_gamma_box', 'low': 1, 'high': 0}, 'low must not be above high'),
    'bounds of other shapes': ({'composite': 'epsilon_gamma_box', 'low': [0, 0], 'high': [1, 1, 1]},
                               'low has shape .2,. and high .3,.'),
    'a bound that is text': ({'composite': 'epsilon_gamma_box', 'low': 'a', 'high': 1}, 'low must be a number or'),
    'bounds that fit no channel': ({'composite': 'epsilon_gamma_box', 'low': [0.] * 5, 'high': 1},
                                   'low has shape .5,., which does not fit a row of what op "one"'),
    'a rule alone': ({'composite': [flat()]}, 'takes pairs .predicate, rule.'),
    'a predicate that is text': ({'composite': [('first', flat())]}, 'takes pairs'),
    'passes where shapes differ': ({'composite': [(first(), passes())]},
                                   'rule "passes" at op "one" .Conv2D. needs an input and an output of equal shapes'),
    'epsilon': ({'epsilon': 0}, 'epsilon must be a number > 0'), 'gamma': ({'gamma': -1}, 'gamma must be'),
}


@pytest.mark.parametrize('name', BAD)
def test_errors(scene, name):
    de, X, T = scene
    parameters, message = BAD[name]
    before = len(X.graph.get_operations())
    with pytest.raises(errors.ParameterError, match=message):
        de.explain('lrp', T, X, np.ones((2, 6, 6, 3)), **parameters)
    assert len(X.graph.get_operations()) == before


def test_errors_of_rules():
    for make, message in [(lambda: alpha_beta(2, 2), 'alpha - beta must be 1'), (lambda: alpha_beta(0, -1), 'beta must'),
                          (lambda: epsilon(0), 'epsilon must be'), (lambda: gamma('a'), 'gamma must be'),
                          (lambda: z_box(2, 1), 'low must not be above high'), (lambda: Composite(3), 'pairs')]:
        with pytest.raises(errors.ParameterError, match=message):
            make()


@pytest.mark.parametrize('low, message', [(np.zeros((3, 4, 4)), 'the axes change places'),
                                          (np.zeros((1, 4, 1, 1)), 'the axes change places'),
                                          (np.zeros(4), None), (0, None), (np.zeros((1, 1)), None)])
def test_bounds_of_entries_behind_a_transposition(low, message, session):
    """Would be taken along other axes than those of X."""
    x = v1.placeholder(tf.float32, (None, 4, 3, 4))
    w = np.random.default_rng(0).normal(size=(2, 2, 4, 3)).astype(np.float32)
    h = tf.nn.conv2d(tf.identity(tf.transpose(x, [0, 2, 3, 1])), w, 1, 'VALID', name='conv')
    with DeepExplain(session) as de:
        def relevance(bound):
            return de.explain('lrp', tf.reduce_sum(h, [1, 2]), x, np.ones((2, 4, 3, 4)), 0,
                              composite='epsilon_gamma_box', low=bound, high=2)
        if message:
            with pytest.raises(errors.ParameterError, match=message):
                relevance(low)
        else:
            np.testing.assert_array_equal(relevance(low), relevance(0))
