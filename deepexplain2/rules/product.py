"""DeepLIFT's rule for products of two tensors that both depend on X, such as the gates of an LSTM."""

from __future__ import annotations

import tensorflow as tf


def product(op, m, reference):
    """d(ab) = da (b + b')/2 + db (a + a')/2: the Shapley value of the two factors, complete for any a, b (Lundberg and Lee 2017).

    For a factor that does not change the mean is the factor itself, and the rule is the gradient.
    """
    a, b = (tf.identity(t) for t in op.inputs)
    a_ref, b_ref = reference.inputs
    # tf.gradients sums over the axes along which a factor was repeated
    return (*tf.gradients(a * tf.stop_gradient((b + b_ref) / 2), a, m), *tf.gradients(tf.stop_gradient((a + a_ref) / 2) * b, b, m))


RULES = {'Mul': product}
