"""What is drawn of images: which colours where, over what, with which scale."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from deepexplain2 import Explanation, plots
from deepexplain2.errors import ParameterError, ShapeError
from deepexplain2.plots.picture import STYLES, as_map, as_picture, channels_last

RNG = np.random.default_rng(0)
PICTURE = RNG.random((6, 9, 3))
VALUES = RNG.normal(size=(6, 9, 3))


def drawn(ax):
    """The last image that was drawn, RGBA."""
    return np.asarray(ax.get_images()[-1].get_array())


def test_a_map_is_the_sum_over_channels_in_its_place():
    values = np.zeros((4, 5, 3))
    values[1, 2] = [1, 1, -5]
    values[3, 0] = [2, 0, 0]
    found = drawn(plots.image(values, style='map'))
    red, green, blue = found[1, 2, :3]
    assert blue > red                                       # -3: the full blue
    red, green, blue = found[3, 0, :3]
    assert red > blue
    np.testing.assert_allclose(found[0, 0, :3], 1, atol=.01)


@pytest.mark.parametrize('shape', [(6, 9), (6, 9, 3), (6, 9, 1), (3, 6, 9), (1, 6, 9), (1, 6, 9, 3),
                                   (1, 3, 6, 9)])
def test_layouts(shape):
    values = RNG.normal(size=shape)
    data = RNG.random((1, 6, 9, 3) if shape[0] == 1 and len(shape) == 4 else (6, 9, 3))
    data = np.moveaxis(data, -1, -3) if shape in ((3, 6, 9), (1, 3, 6, 9)) else data
    found = drawn(plots.image(values, data, percentile=100))
    assert found.shape == (6, 9, 4)
    summed = values.reshape(-1, 6, 9).sum(0) if 6 == shape[-2] else values.reshape(6, 9, -1).sum(-1)
    np.testing.assert_array_equal((found[..., 0] > found[..., 2])[np.abs(summed) > .2],
                                  (summed > 0)[np.abs(summed) > .2])


def test_channels_are_asked_for_where_it_is_not_clear():
    with pytest.raises(ShapeError, match=r"shape \(5, 7, 9\).*channels='first' or 'last'"):
        plots.image(RNG.normal(size=(5, 7, 9)))
    assert drawn(plots.image(RNG.normal(size=(5, 7, 9)), channels='first')).shape[:2] == (7, 9)
    assert channels_last(np.zeros((64, 7, 7)), None, 'values').shape == (7, 7, 64)
    assert channels_last(np.zeros((7, 7, 64)), None, 'values').shape == (7, 7, 64)


def test_the_proportions_of_the_image_tell_the_layout_of_a_layer():
    """(4, 6, 16) over an image of 24 x 36, and the same with channels first."""
    values = RNG.normal(size=(4, 6, 16))
    for a in values, np.moveaxis(values, -1, 0):
        for style in 'overlay', 'map':
            found = plots.image(a, RNG.random((24, 36, 3)), style=style, percentile=100)
            assert drawn(found).shape == (4, 6, 4)


def test_maps_that_do_not_add_up_are_averaged():
    """A class activation map is the same in all channels: three times it would be wrong."""
    one = Explanation(np.repeat(RNG.random((1, 6, 9, 1)), 3, 3), PICTURE[None], adds_up=False)
    assert plots.image(one).figure.axes[1].get_ylim()[1] <= 1
    np.testing.assert_allclose(as_map(one.values[0], 'last', False), one.values[0, ..., 0])


@pytest.mark.parametrize('style', STYLES)
def test_styles(style):
    ax = plots.image(VALUES, PICTURE, style=style)
    images = ax.get_images()
    assert len(images) == (1 if style in ('map', 'outline') else 2)
    if style == 'alpha':                                    # the image itself, as opaque as the map is strong
        shown = np.asarray(images[0].get_array())
        np.testing.assert_allclose(shown[..., :3], PICTURE)
        size = np.abs(VALUES.sum(-1))
        assert np.corrcoef(shown[..., 3].ravel(), size.ravel())[0, 1] > .95
    if style == 'overlay':                                  # the image in grey below
        below = np.asarray(images[0].get_array())
        assert np.ptp(below, -1).max() < 1e-12 and below.min() >= .6
        strong = np.abs(VALUES.sum(-1)).argmax()
        assert drawn(ax)[..., 3].ravel()[strong] == pytest.approx(.9)
    if style == 'side by side':
        left, right = (image.get_extent() for image in images)
        assert left[1] < right[0] and ax.get_xlim() == (left[0], right[1])
    if style == 'outline':
        assert len(ax.collections) == 1


def test_pictures_are_shown_as_they_are_normalized():
    np.testing.assert_allclose(as_picture(PICTURE, None), PICTURE)
    np.testing.assert_allclose(as_picture((255 * PICTURE).astype('uint8'), None), PICTURE, atol=1 / 255)
    np.testing.assert_allclose(as_picture(2 * PICTURE - 1, None), PICTURE)
    mean, std = np.array([.485, .456, .406]), np.array([.229, .224, .225])
    normal = (PICTURE - mean) / std
    np.testing.assert_allclose(as_picture(normal, None, (-mean / std, (1 - mean) / std)), PICTURE, atol=1e-12)
    guessed = as_picture(normal, None)
    assert guessed.min() == 0 and guessed.max() == 1
    assert as_picture(np.moveaxis(PICTURE, -1, 0), None).shape == PICTURE.shape
    assert as_picture(PICTURE[..., :1], None).shape == PICTURE.shape
    with pytest.raises(ParameterError, match='limits must be'):
        as_picture(PICTURE, None, (1, 0))


def test_nan_is_hatched_and_told():
    values = VALUES.copy()
    values[:2] = np.nan
    ax = plots.image(values, PICTURE)
    assert ax.get_xlabel() == 'hatched: no value (33%)'
    hatched = next(c for c in ax.collections if c.get_hatch())
    assert len(hatched.get_paths()) == 18
    assert max(p.vertices[:, 1].max() for p in hatched.get_paths()) == 1.5


def test_the_map_of_a_layer_is_enlarged_over_its_image():
    ax = plots.image(RNG.normal(size=(3, 4)), RNG.random((24, 32, 3)))
    assert ax.get_images()[-1].get_extent() == [-.5, 31.5, 23.5, -.5]
    for bad in (9, 6), (3, 9), (12, 9), (7, 9):
        with pytest.raises(ShapeError, match=f'the map is {bad[0]} x {bad[1]}, and its image 6 x 9'):
            plots.image(RNG.normal(size=bad), PICTURE)


def test_the_colour_bar_says_the_unit():
    e = Explanation(VALUES[None], PICTURE[None], unit='share of logits', method='DeepLift()',
                    target='m/logits/BiasAdd:0')
    ax = plots.image(e, percentile=100)
    assert ax.figure.axes[1].get_ylabel() == 'share of logits' and ax.get_title() == 'DeepLift of logits'
    low, top = ax.figure.axes[1].get_ylim()
    assert low == -top and top == pytest.approx(np.abs(VALUES.sum(-1)).max())
    assert len(plots.image(e, colorbar=False).figure.axes) == 1


def test_what_promises_a_sum_is_signed_even_where_all_is_positive():
    e = Explanation(np.abs(VALUES[None]), PICTURE[None], delta=np.zeros(1))
    assert plots.image(e).figure.axes[1].get_ylim()[0] < 0
    assert plots.image(np.abs(VALUES)).figure.axes[1].get_ylim()[0] >= 0


def test_several_rows_go_to_images():
    with pytest.raises(ShapeError, match=r'image shows one row, and values have 2.*plots\.images'):
        plots.image(np.zeros((2, 6, 9, 3)))


def test_images_are_rows_by_methods_with_a_scale_for_each_method():
    maps = {'a': RNG.normal(size=(2, 6, 9, 3)), 'b': 100 * RNG.normal(size=(2, 6, 9))}
    found = plots.images(maps, np.stack([PICTURE] * 2), labels=['first', 'second'], percentile=100)
    assert found.shape == (2, 3)
    assert [ax.get_title() for ax in found[0]] == ['input', 'a', 'b']
    assert [ax.get_ylabel() for ax in found[:, 0]] == ['first', 'second']
    bars = [ax for ax in found[0, 0].figure.axes if ax not in found]
    assert [bar.get_xlim()[1] for bar in bars] == [pytest.approx(np.abs(maps['a'].sum(-1)).max()),
                                                   pytest.approx(np.abs(maps['b']).max())]


def test_images_compared_over_all_have_one_scale():
    maps = {'a': np.ones((2, 6, 9)) * [[[1.]], [[-.5]]], 'b': np.ones((2, 6, 9)) * [[[.5]], [[-.25]]]}
    found = plots.images(maps, style='map', compare='all')
    assert found.shape == (2, 2)
    np.testing.assert_allclose(drawn(found[1, 0]), drawn(found[1, 0])[:1, :1] * np.ones((6, 9, 1)))
    full, half = drawn(found[0, 0])[0, 0], drawn(found[0, 1])[0, 0]
    assert half[1] > full[1] + .1                          # paler
    each = plots.images(maps, style='map', compare='none')
    np.testing.assert_allclose(drawn(each[0, 0]), drawn(each[0, 1]))
    assert each[0, 0].figure.axes == list(each.flat)      # no bar, as no number is comparable


def test_images_says_how_many_rows_there_are():
    found = plots.images(RNG.normal(size=(20, 6, 9)), max_rows=3)
    assert found.shape == (3, 1) and found[-1, 0].get_xlabel() == '3 of 20 rows'


def test_images_of_explanations_are_named_by_their_methods():
    some = [Explanation(VALUES[None], PICTURE[None], method=m) for m in ('A()', 'B()', 'A()')]
    assert [ax.get_title() for ax in plots.images(some)[0]] == ['input', 'A', 'B', 'A (3)']


def test_images_refuses_other_rows_and_empty_dicts():
    with pytest.raises(ShapeError, match="'b' has 3 rows, and 'a' 2"):
        plots.images({'a': np.zeros((2, 6, 9)), 'b': np.zeros((3, 6, 9))})
    with pytest.raises(ParameterError, match='empty dict'):
        plots.images({})
    with pytest.raises(ShapeError, match='labels holds 1 names'):
        plots.images(np.zeros((2, 6, 9)), labels=['x'])


def test_detections():
    boxes = np.array([[1, 2, 4, 5], [0, 0, 9, 6]])
    ax = plots.detections(PICTURE, boxes, labels=['cat', 'dog'], scores=[.9, .25])
    assert ax.shape == (1,) and [t.get_text() for t in ax[0].texts] == ['cat 0.90', 'dog 0.25']
    found = ax[0].patches[1].get_bbox().bounds
    np.testing.assert_allclose(found, (.5, 1.5, 3, 3))
    maps = plots.detections(PICTURE, boxes, np.stack([VALUES, -2 * VALUES]), labels=['cat', 'dog'],
                            percentile=100)
    assert maps.shape == (2,)
    assert maps[0].figure.axes[-1].get_ylim()[1] == pytest.approx(2 * np.abs(VALUES.sum(-1)).max())


@pytest.mark.parametrize('box_format, box', [('xyxy', [1, 2, 4, 5]), ('xywh', [1, 2, 3, 3]),
                                             ('cxcywh', [2.5, 3.5, 3, 3])])
@pytest.mark.parametrize('normalized', [False, True])
def test_box_formats(box_format, box, normalized):
    box = np.array(box) / ([9, 6, 9, 6] if normalized else 1)
    ax = plots.detections(PICTURE, [box], box_format=box_format, normalized=normalized)
    np.testing.assert_allclose(ax[0].patches[0].get_bbox().bounds, (.5, 1.5, 3, 3))


def test_boxes_that_are_none():
    with pytest.raises(ShapeError, match='ends before it begins'):
        plots.detections(PICTURE, [[4, 5, 1, 2]])
    with pytest.raises(ShapeError, match='must be numbers of shape'):
        plots.detections(PICTURE, [[4, 5, 1]])
    with pytest.raises(ShapeError, match='values have 1 rows, and there are 2 boxes'):
        plots.detections(PICTURE, [[0, 0, 1, 1], [0, 0, 2, 2]], VALUES[None])


def test_segmentation_draws_the_outline_of_the_zone():
    zone = np.zeros((6, 9))
    zone[0:3, 5:9] = 1
    ax = plots.segmentation(VALUES, PICTURE, zone)
    points = np.concatenate([p.vertices for p in ax.collections[-1].get_paths()])
    np.testing.assert_allclose([points.min(0), points.max(0)], [[4.5, -.5], [8.5, 2.5]])
    e = Explanation(VALUES[None], PICTURE[None], ys=np.stack([zone] * 2, -1)[None])
    assert len(plots.segmentation(e).collections) == 2
    open_figures = plt.get_fignums()
    with pytest.raises(ShapeError, match=r'zone has shape \(5, 9\), and the image is 6 x 9'):
        plots.segmentation(VALUES, PICTURE, zone[:5])
    with pytest.raises(ShapeError, match='zone is missing'):
        plots.segmentation(VALUES, PICTURE)
    assert plt.get_fignums() == open_figures


def test_layers():
    found = plots.layers({'conv': RNG.normal(size=(5, 5, 8)), 'dense': RNG.normal(size=12)}, max_display=4)
    assert [ax.get_title() for ax in found] == ['conv', 'dense']
    assert drawn(found[0]).shape[:2] == (5, 5) and len(found[1].patches) == 4
    some = [Explanation(RNG.normal(size=(1, 4)), np.ones((1, 2)), layer=f'dense_{k}') for k in range(3)]
    assert [ax.get_title() for ax in plots.layers(some)] == ['dense_0', 'dense_1', 'dense_2']
