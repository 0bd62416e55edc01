"""check_method: passes what keeps to the contract, and finds what does not, each fault by its clause."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.attribution import Method
from deepexplain2.attribution.base import at_input
from deepexplain2.parameters import kinds
from deepexplain2.testing import check_method
from tests.support.registered import registered

COUNT = itertools.count(1)


@pytest.mark.parametrize('name', sorted(methods))
def test_all_methods_keep_to_it(name):
    # a sum is right to a percent with 32 points across the corners of ReLU
    few = {'steps': 32, 'samples': 4}
    check_method(methods[name](**{k: n for k, n in few.items() if k in kinds(methods[name])}))


def gradients(sweep, xs):
    return sweep.once(at_input(xs))['gradient']


# from the gradient of one run to what a wrong method makes of it, and what is said of it
FAULTS = {
    'mixes rows': (lambda g, x: g - g.mean(0), 'do not depend on batch sizes'),
    'counts runs': (lambda g, x: g * next(COUNT), 'do not depend on batch sizes|a list of one X'),
    'another shape': (lambda g, x: g.sum(1), 'planned'),
    'all zeros': (lambda g, x: 0 * g, 'all are 0'),
    'gives to all': (lambda g, x: g + 1, 'a feature that T does not depend on'),
    'random': (lambda g, x: g + np.random.normal(size=g.shape), 'a list of one X'),
}


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('fault', FAULTS)
def test_finds(fault):
    change, said = FAULTS[fault]

    @dataclass(frozen=True)
    class Wrong(Method):
        """A method with a fault."""

        def query(self, model):
            return model.gradient(self.name)

        def attribute(self, sweep, xs, baselines):
            return [change(g, x) for g, x in zip(gradients(sweep, xs), xs)]
    with registered('wrong', Wrong), pytest.raises(AssertionError, match=said):
        check_method(Wrong)


def test_finds_a_sum_that_is_not_kept():
    @dataclass(frozen=True)
    class Promising(Method):
        """Promises a sum that a gradient does not have."""

        sums_to = 'difference'

        def query(self, model):
            return model.gradient(self.name)

        def attribute(self, sweep, xs, baselines):
            return gradients(sweep, xs)
    with registered('promising', Promising), pytest.raises(AssertionError, match='the sum misses f'):
        check_method(Promising)


def test_finds_missing_documentation():
    @dataclass(frozen=True)
    class Silent(Method):
        """Gradient, of some strength."""

        strength: float = 1.

        def query(self, model):
            return model.gradient(self.name)

        def attribute(self, sweep, xs, baselines):
            return [self.strength * g for g in gradients(sweep, xs)]
    Silent.__doc__ = 'Gradient.'
    with registered('silent', Silent), pytest.raises(AssertionError, match=r"does not name \['strength'\]"):
        check_method(Silent)
    with pytest.raises(AssertionError, match='is not registered'):
        check_method(Silent)


def test_what_a_wrong_method_gives_is_refused_in_every_run():
    """Shapes that were not planned, no list, a slip in `query`, and a class that is no dataclass."""
    @dataclass(frozen=True)
    class Wrong(Method):
        """Of some kind."""

        kind: str = 'sum'
        size: int = 3

        def query(self, model):
            return model.gradient() if self.kind == 'slip' else model.gradient(self.name)

        def attribute(self, sweep, xs, baselines):
            g, = gradients(sweep, xs)
            return {'sum': [g.sum(1)], 'no list': g, 'fine': [g]}[self.kind]
    with registered('wrong', Wrong), tf.Graph().as_default(), tf.compat.v1.Session() as session:
        X = tf.compat.v1.placeholder(tf.float64, (None, 3))
        de = DeepExplain(session)
        for kind in 'sum', 'no list':
            with pytest.raises(errors.ShapeError, match='the method gives attributions of shape'):
                de.explain('wrong', tf.tanh(X), X, np.ones((2, 3)), kind=kind)
        assert de.explain('wrong', tf.tanh(X), X, np.ones((2, 3)), kind='fine').shape == (2, 3)
        with pytest.raises(TypeError, match='missing 1 required positional argument'):
            de.explain('wrong', tf.tanh(X), X, np.ones((2, 3)), kind='slip')
        for given, said in ({'size': 2.5}, 'size must be an integer'), ({'kind': 3},
                                                                        'kind must be a string'), \
                ({'kynd': 'fine'}, 'Wrong has no parameter .kynd.. Did you mean "kind"'):
            with pytest.raises(errors.ParameterError, match=said):
                Wrong(**given)

    class Plain(Method):
        """No dataclass."""
    with pytest.raises(errors.ParameterError, match=r'put @dataclass\(frozen=True\) above the class'):
        Plain()
