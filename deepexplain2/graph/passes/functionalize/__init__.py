"""Loops and conditionals of TF1 (Enter, Switch, Merge, NextIteration, Exit) as While and If, whose bodies are
functions.

What is inside what is read from the ops alone, so that this holds for graphs imported without TensorFlow's
Python contexts too (contexts.py). A While or If is then built by TensorFlow's own while_v2 and cond_v2 in a
graph of its own, from the ops that its results need (translation.py, loops.py, conditionals.py).

A TensorArray of TF1 lives in a resource and has a number, its flow, that orders its operations. Its
counterpart is a TensorList in place of the flow, as in TensorFlow's own version for functions (arrays.py).
"""

from .translation import FunctionalPath, conditionals_around, functionalize, has_v1_control_flow

__all__ = ['FunctionalPath', 'conditionals_around', 'functionalize', 'has_v1_control_flow']
