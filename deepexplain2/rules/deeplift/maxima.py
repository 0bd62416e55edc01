"""DeepLIFT's rule for maxima and minima over many: each change of the winner's value is credited to a
winner."""

from __future__ import annotations

import tensorflow as tf

from ..op_tools import again, repeated_to, vjp, whole


def cross(smallest):
    """The cross-maximum rule: the change of the maximum goes to the winner of x where x has the larger
    maximum, to the winner of the reference where that has (DeepSHAP, Lundberg and Lee 2017; here for windows,
    whole axes and segments, and for minima).

    The winner's own value has changed at least as much, in the same direction: the multiplier lies between 0
    and m.
    """
    def rule(op, m, reference):
        m = m[0] if isinstance(m, (list, tuple)) else m
        x = op.inputs[0]
        x_ref = repeated_to(reference.inputs[0], x)
        here, there = again(op, {0: tf.identity(x)}), again(op, {0: x_ref})
        y, y_ref = here.outputs[0], there.outputs[0]
        gain = m * (y - y_ref)
        more = y < y_ref if smallest else y > y_ref
        credit = vjp(here, [tf.where(more, gain, tf.zeros_like(gain))], [0])[0] \
            + vjp(there, [tf.where(more, tf.zeros_like(gain), gain)], [0])[0]
        same, = vjp(here, [tf.where(tf.equal(y, y_ref), m, tf.zeros_like(m))], [0])
        b = reference.inputs[0]
        # no credit where x = b: a sum with 0 in one of two places, in a third of the time of a choice between
        # two tensors
        return whole(op, {0: tf.math.xdivy(credit, x - b)
                          + tf.math.multiply_no_nan(same, tf.cast(tf.equal(x, b), same.dtype))})
    return rule


LARGEST = 'Max MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax SegmentMax UnsortedSegmentMax'.split()
SMALLEST = 'Min SegmentMin UnsortedSegmentMin'.split()
RULES = dict.fromkeys(LARGEST, cross(False)) | dict.fromkeys(SMALLEST, cross(True))
