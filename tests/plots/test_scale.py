"""What colours mean: range, symmetry, clipping, and that they are readable."""

import numpy as np
import pytest

from deepexplain2.errors import ParameterError, ValueRangeError
from deepexplain2.plots.scale import Scale
from deepexplain2.plots.words import PALE


def lightness(rgb):
    """CIE L*, 0 to 100."""
    linear = np.where(rgb <= .04045, rgb / 12.92, ((rgb + .055) / 1.055) ** 2.4)
    y = linear[..., :3] @ np.array([.2126, .7152, .0722])
    return np.where(y > .008856, 116 * np.cbrt(y) - 16, 903.3 * y), y


def test_a_signed_scale_is_symmetric_and_white_at_0():
    scale = Scale.of([np.array([-1., 3.])])
    assert (scale.low, scale.top, scale.signed) == (-3, 3, True)
    np.testing.assert_allclose(scale.rgba(np.array(0.)), 1, atol=.01)
    red, blue = scale.rgba(np.array([3., -3.]))
    assert red[0] > red[2] and blue[2] > blue[0]


def test_scales_are_readable_in_grey():
    """The lightness falls from 0 to both ends, and the ends are apart by a third of the range."""
    scale = Scale.of([np.array([-1., 1.])])
    ahead, _ = lightness(scale.rgba(np.linspace(0, 1, 30)))
    back, _ = lightness(scale.rgba(np.linspace(0, -1, 30)))
    assert (np.diff(ahead) < 0).all() and (np.diff(back) < 0).all()
    assert ahead[-1] - back[-1] > 30
    unsigned, _ = lightness(Scale.of([np.array([0., 1.])]).rgba(np.linspace(0, 1, 30)))
    assert (np.diff(unsigned) < 0).all()


def test_black_words_on_pale_have_a_contrast_of_7():
    for colour in PALE:
        _, y = lightness(colour)
        assert (y + .05) / .05 >= 7


def test_red_and_blue_are_apart_for_the_colour_blind():
    """Deuteranopia by the matrix of Machado et al. 2009, in linear light."""
    matrix = np.array([[.367, .861, -.228], [.280, .673, .047], [-.012, .043, .969]])
    rgb = Scale.of([np.array([-1., 1.])]).rgba(np.array([1., -1., .5, -.5]))[:, :3] ** 2.2
    seen = np.clip(rgb @ matrix.T, 0, 1)
    assert np.linalg.norm(seen[0] - seen[1]) > .2 and np.linalg.norm(seen[2] - seen[3]) > .2


def test_clipping_is_at_the_percentile_and_said():
    values = np.concatenate([np.linspace(-1, 1, 1000), [50.]])
    scale = Scale.of([values], 'share of logits')
    assert scale.top < 2 and scale.clipped and scale.label == 'share of logits\n(clipped at 99.5 %)'
    whole = Scale.of([values], 'share of logits', percentile=100)
    assert whole.top == 50 and not whole.clipped and whole.label == 'share of logits'


def test_few_values_are_not_clipped():
    assert Scale.of([np.array([1., -5., 2.])]).top == 5


@pytest.mark.parametrize('value', [0., 2., -2.])
def test_constant_maps_have_a_range(value):
    scale = Scale.of([np.full((3, 3), value)])
    assert scale.low < scale.top and scale.low <= value <= scale.top


def test_a_map_that_is_almost_everywhere_0_is_seen():
    """Where the percentile is 0 the largest value counts."""
    values = np.zeros(10000)
    values[3] = 2
    assert Scale.of([values]).top == 2


def test_an_unsigned_scale_begins_at_its_smallest_value():
    scale = Scale.of([np.array([5., 6.])])
    assert (scale.low, scale.top, scale.signed) == (5, 6, False)
    assert Scale.of([np.array([5., 6.])], signed=True).low == -6


def test_values_of_all_arrays_count():
    assert Scale.of([np.array([1.]), np.array([-7.])]).top == 7


def test_nan_is_transparent_and_does_not_count():
    scale = Scale.of([np.array([np.nan, 1., -2.])])
    assert scale.top == 2 and scale.rgba(np.array([np.nan]))[0, 3] == 0
    assert scale.strength(np.array([np.nan, -2., 1.])).tolist() == [0, 1, .5]


def test_what_no_colour_stands_for():
    with pytest.raises(ValueRangeError, match='1 of 2 attributions are infinite'):
        Scale.of([np.array([np.inf, 1])])
    for percentile in 0, 101, True, '99':
        with pytest.raises(ParameterError, match=r'percentile must be a number in \(0, 100\]'):
            Scale.of([np.ones(3)], percentile=percentile)
    with pytest.raises(ParameterError, match='cmap'):
        Scale.of([np.ones(3)], cmap='no such map').rgba(np.ones(2))
