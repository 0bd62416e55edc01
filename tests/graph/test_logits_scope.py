"""Logits that are made for a user who is in a name scope do not count as the user's tensors."""

import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1


def test_ops_are_added_outside_name_scopes():
    with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session=session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.reshape(tf.nn.softmax(X), (-1, 2, 2))
        before = {op.name for op in graph.get_operations()}
        with tf.name_scope('mine'):
            de.logits(T)
        added = [op.name for op in graph.get_operations() if op.name not in before]
        assert added and all(name.startswith('deepexplain2/') for name in added)
