"""Masks that a network makes of X by comparison: the steps of a sequence that are padding, recognized by
their value.

Between x and a baseline such a mask jumps: in a baseline of zeros every step is padding. So the network is
explained with the mask of x (the masks that a `Path` keeps).

Not every comparison makes a mask. It may be a decision of the network, as in tf.where(x > 0, x, 0), or an
encoding, as the 0 and 1 of a category. A mask has two signs: it comes from X by way of Equal or NotEqual with
a constant, which hold on a set of measure zero, and it is used only to let values of X pass or not. """

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..errors import PathError
from .batch_axis import PRIME_BATCH_SIZES
from .copies import detached
from .linear import CONTRACTIONS, LINEAR_IN
from .op_types import CONTAINERS, FUNCTION_CALLS, SHAPE_ONLY, V1_CONTROL_FLOW
from .path import Path
from .walks import ancestors, descendants

# Ops between X and the comparison: it compares the entries of X, one by one or together, not what a layer
# made of them.
_BEFORE_COMPARISON = {'Identity', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'StridedSlice', 'Slice',
                      'Split', 'SplitV', 'Unpack', 'ConcatV2', 'Pack', 'Cast', 'Abs', 'Square', 'Neg', 'Sum',
                      'Max', 'Min', 'Mean', 'Mul', 'Add', 'AddV2', 'Sub', 'RealDiv', 'GatherV2',
                      'EnsureShape', 'Sqrt', 'Pad', 'PadV2'}
_PASSES_OR_NOT = {'Mul', 'MulNoNan', 'RealDiv', 'Div', 'DivNoNan', 'Xdivy', 'Select', 'SelectV2', 'Gather',
                  'GatherV2', 'GatherNd', 'ReverseSequence', 'StridedSlice', 'Slice',
                  *CONTRACTIONS, *CONTAINERS, *FUNCTION_CALLS, *V1_CONTROL_FLOW}
_INFINITE_AT_0 = {'Log', 'Reciprocal', 'Inv', 'Rsqrt', 'Sqrt', 'Pow', 'Xlogy', 'Xdivy'}
_SUMS = {'Add', 'AddV2', 'Sub', 'AddN'}
_SCORES = {'Identity', 'Reshape', 'Transpose', 'ExpandDims', 'Squeeze', 'Cast', 'Mul', 'RealDiv', 'Maximum',
           'Minimum'} | _SUMS
_SOFTMAXES = {'Softmax', 'LogSoftmax', 'Exp', 'Max'}


def masks(path: Path) -> list[tf.Tensor]:
    """The results of the comparisons on a path that make masks of X; none if T would depend on one of the
    tensors X through masks alone."""
    names = {x.name for x in path.inputs}
    found = [op for op in path.ops if op.type in ('Equal', 'NotEqual') and op.inputs[0].dtype.is_floating
             and len(path.varying_inputs(op)) == 1 and _compares_entries(op, path, names)]
    if not found:
        return []
    made = {op.name for op in found}
    varying = descendants([op for op in path.ops if op.name not in made], names, SHAPE_ONLY)
    users: dict[str, list[tf.Operation]] = {}
    for op in path.ops:
        for i in op.inputs:
            users.setdefault(i.name, []).append(op)
    kept_masks = [op.outputs[0] for op in found if not _divides(op.inputs[path.varying_inputs(op)[0]], users)
            and _lets_pass(op.outputs[0], path.target, varying, users)]
    try:
        Path(path.target, path.inputs, kept_masks=kept_masks)
    except PathError:
        return []
    return kept_masks


def _compares_entries(comparison: tf.Operation, path: Path, names: set[str]) -> bool:
    """Whether a comparison is one of entries of X, which has the names `names`."""
    return all(op.type in _BEFORE_COMPARISON
               and (op.type not in ('Mul', 'RealDiv') or len(path.varying_inputs(op)) == 1)
               for op in ancestors(comparison.inputs, names) if path.varying_inputs(op))


def _lets_pass(mask: tf.Tensor, target: tf.Tensor, varying: set[str],
               users: dict[str, list[tf.Operation]]) -> bool:
    """Whether a mask is used only to choose, scale or hide tensors that depend on X without it."""
    stack, seen = [mask], {mask.name}
    while stack:
        t = stack.pop()
        if t.name == target.name:
            return False
        for op in users.get(t.name, ()):
            if op.type in SHAPE_ONLY:
                continue
            if any(i.name in varying for i in op.inputs):
                if op.type in ('Select', 'SelectV2') and _divides(op.outputs[0], users):
                    return False
                if op.type not in _PASSES_OR_NOT and not (op.type in _SUMS and _are_scores(op, users)):
                    return False
            elif op.type in CONTRACTIONS:
                return False                    # multiplied by weights, it is an encoding
            else:
                stack += [o for o in op.outputs if o.name not in seen]
                seen.update(o.name for o in op.outputs)
    return True


def _divides(t: tf.Tensor, users: dict[str, list[tf.Operation]]) -> bool:
    """Whether a tensor is a divisor, or the input of a function that is infinite at 0: a comparison with 0
    then guards against infinity."""
    return any(op.type in _INFINITE_AT_0 or (op.type in LINEAR_IN and op.inputs[1].name == t.name)
               for op in users.get(t.name, ()))


def _are_scores(op: tf.Operation, users: dict[str, list[tf.Operation]]) -> bool:
    """Whether a sum is used as the scores of a softmax only."""
    following = [user for o in op.outputs for user in users.get(o.name, ()) if user.type not in SHAPE_ONLY]
    return bool(following) and all(f.type in _SOFTMAXES or (f.type in _SCORES and _are_scores(f, users))
                                   for f in following)


def have_rows(kept_masks: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor]) -> bool:
    """Whether the first axis of every mask is the batch of X."""
    ops = ancestors(kept_masks, {x.name for x in inputs})
    for rows in PRIME_BATCH_SIZES:
        with tf.Graph().as_default():
            substitutes = {x.name: tf.compat.v1.placeholder(x.dtype, [rows, *x.shape.as_list()[1:]])
                     for x in inputs}
            used = {i.name for op in ops for i in op.inputs}
            try:
                copies = tf.graph_util.import_graph_def(detached(ops), name='',
                                                        input_map={n: t for n, t in substitutes.items()
                                                                   if n in used},
                                                        return_elements=[t.name for t in kept_masks])
            except ValueError:
                return False
            if any(not t.shape.rank or t.shape.as_list()[0] != rows for t in copies):
                return False
    return True
