"""Calls with one thing wrong, of every option and every method."""

import re

import numpy as np

from deepexplain2 import errors, methods
from deepexplain2.parameters import kinds
from tests.support.bad_values import (
    ARRAY_DOORS,
    CHOICES,
    COUNT_DOORS,
    COUNTS,
    DICT_DOORS,
    FLAG_DOORS,
    FLAGS,
    MORE_FLAGS,
    NOT_ARRAYS,
    NOT_TENSORS,
    NUMBER_DOORS,
    NUMBERS,
    TARGET_DOORS,
    TENSOR_DOORS,
    without,
)
from tests.support.few import ANYWHERE
from tests.support.spied import IDS, X4


def table():
    """(name, error, message, call with a Spied) of every row."""
    for door, (start, call) in ARRAY_DOORS.items():
        for name, (value, message) in NOT_ARRAYS.items():
            if name == 'dict' and door in DICT_DOORS:
                start, message = '', "is a dict, and its key 'nope' is none of the inputs that are explained: "
            yield f'{door}: {name}', errors.ShapeError, f'{start}.*{message}', lambda s, c=call, v=value: c(s, v)
    for name, (value, message) in NOT_ARRAYS.items():
        yield f'scalar feed: {name}', errors.ShapeError, 'feed_dict for "rate:0" .*' + message, \
            lambda s, v=value: s.explain(T=s.needs_rate, feed_dict={s.rate: v})
    for name, value in without(NOT_ARRAYS, 'masked without a mask').items():
        yield f'out: {name}', errors.DeepExplainError, 'out (must be an array|has dtype|is a dict)', lambda s, v=value[0]: s.saliency.run(X4, out=v)
        yield f'out of ids: {name}', errors.DeepExplainError, 'out (must be an array|has dtype|is a dict)', lambda s, v=value[0]: s.tokens.run(IDS, out=v)
        if not isinstance(value[0], dict):
            yield f'feed_dict itself: {name}', errors.FeedError, 'feed_dict must be a dict', lambda s, v=value[0]: s.explain(feed_dict=v)
            yield f'feed_dict of ids: {name}', errors.FeedError, 'feed_dict must be a dict', lambda s, v=value[0]: s.tokens.run(IDS, feed_dict=v)
        if name not in ('string',):
            yield f'method: {name}', errors.UnknownMethod, 'no method .* Known: .*deeplift, .*elrp', lambda s, v=value[0]: s.explain(v)
    for text, value in FLAGS.items():
        for name, call in FLAG_DOORS.items():
            yield f'{name}={text}', errors.ParameterError, f'{name} must be True or False, not {text}', lambda s, c=call, v=value: c(s, v)
        for door, (name, call) in MORE_FLAGS.items():
            yield f'{door}: {text}', errors.ParameterError, f'{name} must be True or False, not {text}', lambda s, c=call, v=value: c(s, v)
        for door, call in {'run': lambda s, v: s.saliency.run(X4, progress=v), 'ids': lambda s, v: s.tokens.run(IDS, progress=v),
                           'stream': lambda s, v: s.lift.stream([X4], progress=v)}.items():
            yield f'progress of {door}: {text}', errors.ParameterError, f'progress must be True, False or a function, not {text}', \
                lambda s, c=call, v=value: c(s, v)
    for text, value in COUNTS.items():
        for name, call in COUNT_DOORS.items():
            said = name if name.startswith('each') else name.split()[0]
            yield f'{name}={text}', errors.ParameterError, f'{said} must be an integer >= 1, not ({text}|np.float64)', lambda s, c=call, \
                v=value: c(s, v)
        for name in ('window_shape', 'step') if text not in (r'\[2\]', r'array\(\[2\]\)') else ():
            yield f'{name}={text}', errors.ParameterError, f'{name} must be (an integer >= 1|a list .*), not {text}', \
                lambda s, n=name, v=value: s.explain('occlusion', **{n: v})
        if text not in (r'\[2\]', r'array\(\[2\]\)'):
            yield f'sampling_dims={text}', errors.ParameterError, r'sampling_dims must be a list of axes of X, e.g. \[1, 2\], not ', \
                lambda s, v=value: s.explain('shapley_sampling', sampling_dims=v)
        if text != '0':
            yield f'seed={text}', errors.ParameterError, f'seed must be an integer >= 0, not {text}', lambda s, \
                v=value: s.explain('shapley_sampling', seed=v)
        for name, method in CHOICES.items():
            yield f'{name}={text}', errors.ParameterError, f'{name} must be one of .*, not {text}', lambda s, n=name, m=method, \
                v=value: s.explain(m, **{n: v})
    for text, value in NUMBERS.items():
        for name, call in NUMBER_DOORS.items():
            yield f'{name}={text}', errors.ParameterError, f'{name.split()[0]} must be a number > 0, not {text}', lambda s, c=call, v=value: c(s, v)
    for name, value in NOT_TENSORS.items():
        for door, (message, call) in without(TENSOR_DOORS, *(TARGET_DOORS if name == 'function' else ())).items():
            yield f'{door}: {name}', errors.TensorError, message, lambda s, c=call, v=value: c(s, v)
    for method in ANYWHERE:
        yield from of_method(method)


def of_method(method):
    """Rows of every method: names of options, baselines, ids."""
    def row(name, error, message, call):
        return f'{method}: {name}', error, message, call
    for wrong, close in {'batchsize': 'batch_size', 'feeddict': 'feed_dict', 'return_deltas': 'return_delta', 'jit': 'jit_compile'}.items():
        yield row(wrong, errors.ParameterError,
                  f'has no parameter {wrong!r}.*It takes' if wrong == 'jit' else f'has no parameter {wrong!r}. Did you mean "{close}"',
                  lambda s, w=wrong: s.explain(method, **{w: 2}))
    yield row('upper case', errors.UnknownMethod, f'Did you mean "{re.escape(method)}"', lambda s: s.explain(method.upper()))
    for name, value in {'id too high': IDS + 2, 'negative id': IDS - 1}.items():
        yield row(name, errors.ValueRangeError, r'xs for X "ids:0" holds id (9 at row 1, position 3|-1 at row 0, position 0), but the embedding behind "ids:0" knows 9: 0 to 8',
                  lambda s, v=value: s.on_ids(method, v))
    yield row('ids with fractions', errors.ValueRangeError, 'int32 cannot hold: fractions', lambda s: s.on_ids(method, IDS + .5))
    yield row('ids as booleans', errors.ShapeError, 'got booleans', lambda s: s.on_ids(method, IDS > 3))
    yield row('ys of ids', errors.ValueRangeError, 'ys holds class 7 in row 0', lambda s: s.on_ids(method, ys=7))
    yield row('progress of ids', errors.ParameterError, 'progress must be', lambda s: s.on_ids(method, progress=3))
    shape = (2, 5) if methods[method].is_perturbation else (2, 4)      # attributions by word are (2, 4)
    yield row('out of ids', errors.ShapeError, rf'out has shape \({shape[0]}, {shape[1]}\)', lambda s: s.on_ids(method, out=np.zeros(shape)))
    yield row('X of ids in feed_dict', errors.FeedError, 'feed_dict feeds X "ids:0"', lambda s: s.on_ids(method, feed_dict={s.ids: IDS}))
    if methods[method].sums_to is None:
        yield row('return_delta', errors.ParameterError, 'return_delta: the attributions of', lambda s: s.explain(method, return_delta=True))
        yield row('return_delta of ids', errors.ParameterError, 'return_delta: the attributions of', lambda s: s.on_ids(method, return_delta=True))
    if not methods[method].draws_samples:
        yield row('return_std_error', errors.ParameterError, 'draws no samples', lambda s: s.explain(method, return_std_error=True))
    if 'baseline' not in kinds(methods[method]):
        yield row('baseline', errors.ParameterError, "has no parameter 'baseline'", lambda s: s.explain(method, baseline=0))
        return
    for name, (value, error, message) in {
            'class': (float, errors.ShapeError, 'baseline is the class float'),
            'call of shape': (np.zeros, errors.ParameterError, 'zeros.* raised TypeError'),
            'function without arguments': (lambda: 0, errors.ParameterError, 'cannot take xs: .* raised TypeError'),
            'function of functions': (lambda x: lambda y: 0, errors.ShapeError, 'returned function, not an array'),
            'function of a class': (lambda x: float, errors.ShapeError, 'returned type, not an array'),
            'function of nothing': (lambda x: None, errors.ShapeError, 'returned None, not an array'),
            'function of a wrong shape': (lambda x: np.zeros(3), errors.ShapeError, r'baseline has shape \(3,\), but X "x:0" takes \(5,\)'),
            'function of an empty set': (lambda x: x[:0], errors.ShapeError, r'is empty, shape \(0, 5\)'),
            'empty set': (np.zeros((0, 5)), errors.ShapeError, r'baseline for X "x:0" is empty, shape \(0, 5\). Give at least one'),
            'empty list': ([], errors.ShapeError, 'is empty'), 'NaN': (np.nan, errors.ValueRangeError, 'NaN or infinite'),
            'infinity': (np.inf, errors.ValueRangeError, 'NaN or infinite'), 'True': (True, errors.ShapeError, 'is True. Give a number'),
            'one per tensor': ([0, 0], errors.ShapeError, r'shape \(2,\)'), 'a word': ('zero', errors.ShapeError, 'got str')}.items():
        yield row(f'baseline {name}', error, message, lambda s, v=value: s.explain(method, baseline=v))
    for text, value in {'True': True, r'array\(True\)': np.array(True), '0.5': .5, '0.0': 0., r'array\(0.5\)': np.array(.5),
                        "'Zero'": 'Zero'}.items():
        yield row(f'token {text}', errors.ParameterError, f"baseline must be 'zero', a token id or an array .*, not {text}",
                  lambda s, v=value: s.on_ids(method, baseline=v))
    yield row('token integers like the embedding', errors.ShapeError, r'shape \(4, 3\) and holds integers, which are token ids',
              lambda s: s.on_ids(method, baseline=np.zeros((4, 3), int)))
    for text, value in {'99': 99, '9': 9, '-1': -1, '99 in an array': np.array(99)}.items():
        yield row(f'token {text}', errors.ValueRangeError, r'baseline holds id (99|9|-1), but the embedding behind "ids:0" knows 9',
                  lambda s, v=value: s.on_ids(method, baseline=v))
    yield row('token shape', errors.ShapeError, r'baseline has shape \(2,\)', lambda s: s.on_ids(method, baseline=np.zeros(2)))
