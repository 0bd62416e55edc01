"""A search for silent faults: random graphs and random Keras models, explained by the library and by independent oracles.

programs.py   a program: lines of Python that make a network; how it is shortened while it still fails
graphs.py     lines of TensorFlow: random raw graphs
layers.py     lines of Keras: random models
dense.py      random dense nets
oracles.py    gradients, midpoint sums, occlusion, Shapley values and sums, one row at a time, without the library
cases.py      a program brought to the library, and f by other means
checks.py     what must hold for every program; what is wrong in silence is a failure, a clear error or a warning is not
__main__.py   the command: cases in processes of their own, a minimal script for each failure
"""
