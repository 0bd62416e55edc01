"""The check that a graph is the model it was made from: a few rows go through both."""

from __future__ import annotations

import re

import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDefLibrary

from ...errors import SourceError, SourceWarning, warn
from ...graph.constants import SMALL_CONSTANT
from ...graph.copies import detached
from ...graph.functions import function_library
from ...graph.walks import ancestors, random_ops
from ...tensors import sizes
from ..source import Source
from .comparison import describe_difference, differs, sensitivity_to_rounding, tolerance
from .eager import evaluate
from .probes import Probe, make_arrays
from .vocabularies import vocabulary_sizes

# Sizes of the open axes after the batch axis. They differ from the batch size and from one another, so that a
# confusion of two axes changes the output. Pooling needs long axes; networks that halve and double their axes
# need multiples of 32.
LENGTHS = ((5, 4, 6, 7), (4, 7, 5, 6), (32, 64, 32, 32), (96, 32, 64, 64), (64, 64, 64, 64), (32, 32, 32, 32),
           (224, 224, 224, 224))
# For a single open axis, if none of the sizes above works: some networks drop thousands of places.
LONG_LENGTHS = (1024,), (16384,)
# (batch size, values) to try at each length. Gentler ones follow, for models that check their values or need
# a certain batch size.
ATTEMPTS = ((3, 'any'), (3, 'positive'), (4, 'any'), (1, 'any'), (3, 'zero'), (3, 'one'), (8, 'positive'),
            (1, 'zero'))
ATTEMPTS_WITH_OPEN_AXES = (3, 'any'), (3, 'positive'), (1, 'any')
WINDOW_OPS = ('Conv', 'DepthwiseConv', 'MaxPool', 'AvgPool', 'Dilation', 'Erosion', 'ExtractImagePatches',
              'FractionalM', 'FractionalA')
CAUSES = ('Likely causes: a layer or branch that is in training mode in one of the two; random numbers, a '
          'counter or another state that Python keeps; an open axis that Keras resolves wrongly in graph '
          'mode, where input_signature=[tf.TensorSpec(shape, dtype)] with fixed sizes helps. check=False '
          'leaves this check out')


def check(source: Source, way: str) -> None:
    """Raise SourceError if outputs of the graph differ beyond rounding from those of the model.

    Parameters
    ----------
    source : Source
        The graph and the model. Without a model nothing is checked.
    way : str
        Name of the constructor, for messages.

    Warns
    -----
    SourceWarning
        If the model fails on all inputs that are tried.

    Notes
    -----
    Two lengths are tried if the model leaves an axis open. The model is left unchanged: its variables, and
    the random states of TensorFlow, NumPy and Python. Cost: at each length one eager call and one run of the
    graph.
    """
    if source.original is None or not source.outputs:
        return
    comparison = _Check(source, way)
    most_open = max((sizes(x)[1:].count(None) for x in source.inputs), default=0)
    is_open = most_open > 0
    attempts = list(ATTEMPTS_WITH_OPEN_AXES if is_open else ATTEMPTS)
    windowed = is_open and any(op.type.startswith(WINDOW_OPS) for op in source.graph.get_operations())
    lengths_to_try = LENGTHS[:1] if not is_open else LENGTHS[2:] if windowed else LENGTHS
    if windowed and most_open == 1:
        lengths_to_try = (*lengths_to_try, *LONG_LENGTHS)
    for lengths in lengths_to_try:
        comparison.at(lengths, attempts, windowed)
        if len(comparison.agreed) > 1:
            break
    if not comparison.agreed:
        failure = comparison.failure
        warn(f'{way} could not compare the graph with the model, which fails on every input that was tried: '
             f'{type(failure).__name__}: {_one_line(failure)}. Compare outputs yourself: '
             'de.session.run(de.outputs[0], {de.inputs[0]: xs}). check=False leaves this out', SourceWarning)


class _Check:
    """The comparisons of one model. agreed: the lengths at which they agreed. failure: the first error of the
    model itself."""

    def __init__(self, source: Source, way: str):
        self.source, self.way = source, way
        self.agreed: set[tuple[int, ...]] = set()
        self.failure: Exception | None = None
        self._random_ops = random_ops(source.outputs, source.inputs)
        self._eps, self._vocabularies = _coarsest_eps(source), vocabulary_sizes(source)

    def at(self, lengths: tuple[int, ...], attempts: list[tuple[int, str]], windowed: bool) -> None:
        """Compare at these lengths, until one attempt shows finite outputs; it moves to the front of
        `attempts`."""
        refused: set[int] = set()                       # batch sizes
        for batch, values in list(attempts):
            try:
                size = batch - bool(self.agreed) if batch > 1 else batch
                probe = Probe(make_arrays(self.source, size, lengths, values, self._vocabularies), lengths)
                if batch in refused:
                    continue
                if windowed:
                    refused.add(batch)
                    _check_sizes(self.source, probe)
                    refused.discard(batch)
                want, = evaluate(self.source, probe.arrays)
            except Exception as e:                      # the model's own refusal of these values or sizes
                self.failure = self.failure or e
                continue
            self._compare(probe, want)
            self.agreed.add(lengths)
            # NaN hides differences: then other values are tried
            if all(np.isfinite(w).all() for w in want if w.dtype.kind not in 'OSU'):
                attempts.insert(0, attempts.pop(attempts.index((batch, values))))
                break

    def _compare(self, probe: Probe, want: list[np.ndarray]) -> None:
        """Raise SourceError if the graph computes something else than the model did."""
        source, way = self.source, self.way
        got = self._run_graph(probe)
        if len(got) != len(want):
            raise SourceError(f'{way}: the model gives {len(want)} outputs and the graph that was traced of '
                              f'it {len(got)}, for {probe}. {CAUSES}')
        limits = [tolerance(w, self._eps) for w in want]
        if not any(differs(*triple) for triple in zip(got, want, limits)):
            return
        first, second = evaluate(source, probe.arrays, times=2)
        is_random = any(differs(*triple) for triple in zip(first, second, limits))
        if is_random and self._random_ops:              # random in inference: every answer is another one
            return
        if is_random:
            raise SourceError(f'{way}: the model gives another answer every time, and the graph, which draws '
                              f'no random numbers, always the same one. {CAUSES}')
        rounding = sensitivity_to_rounding(source, probe, want)
        for output, g, w, limit, moved in zip(source.outputs, got, want, limits, rounding):
            if differs(g, w, limit + 32 * moved):
                name = next((n for n, t in source.output_names if t is output), output.name)
                random_too = ''
                if self._random_ops:
                    op, kind = self._random_ops[0]
                    random_too = (f'The graph draws random numbers at "{op}" ({kind}), and the model gives '
                                  'the same answer twice. ')
                raise SourceError(f'{way}: the graph is not the model: output "{name}" '
                                  f'{describe_difference(g, w)}, for {probe}. {random_too}{CAUSES}')

    def _run_graph(self, probe: Probe) -> list[np.ndarray]:
        """The outputs of the graph."""
        options = tf.compat.v1.ConfigProto()
        # for one run it costs more than it saves: ResNet50 7 s with it, 2 s without
        options.graph_options.rewrite_options.disable_meta_optimizer = True
        try:
            with tf.compat.v1.Session(graph=self.source.graph, config=options) as session:
                return session.run(self.source.outputs, dict(zip(self.source.inputs, probe.arrays)))
        except Exception as e:
            raise SourceError(f'{self.way}: the graph fails on {probe}, where the model works: '
                              f'{_one_line(e)}. {CAUSES}') from e


def _check_sizes(source: Source, probe: Probe) -> None:
    """Raise ValueError if TensorFlow's shape inference refuses these sizes. Eager convolutions of axes that
    are too short return uninitialized memory."""
    graph_def = tf.compat.v1.GraphDef(
        library=FunctionDefLibrary(function=function_library(source.graph).values()))
    sized = {x.op.name: a.shape for x, a in zip(source.inputs, probe.arrays)}
    for op in ancestors(source.outputs, set()):
        output = op.outputs[0]
        if op.name in sized or (op.type == 'Const' and (output.shape.num_elements() or 0) > SMALL_CONSTANT):
            node = graph_def.node.add(name=op.name, op='Placeholder')
            node.attr['dtype'].type = output.dtype.as_datatype_enum
            node.attr['shape'].shape.CopyFrom(tf.TensorShape(sized.get(op.name, output.shape)).as_proto())
        else:
            graph_def.node.extend(detached([op]).node)
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(graph_def, name='')


def _coarsest_eps(source: Source) -> float:
    """The largest eps of the floating dtypes in which the outputs are computed."""
    ops = ancestors(source.outputs, set())
    dtypes = {o.dtype.base_dtype for op in ops if op.type != 'Const' for o in op.outputs}
    for function in function_library(source.graph).values():
        dtypes |= {tf.as_dtype(a.type) for node in function.node_def if node.op != 'Const'
                   for a in node.attr.values() if a.type}
    return max([float(ml_dtypes.finfo(d.as_numpy_dtype).eps) for d in dtypes if d.is_floating], default=0.)


def _one_line(error: Exception | None) -> str:
    return re.sub(r'\x1b\[\d*m|\s+', ' ', str(error)).strip()[:400]
