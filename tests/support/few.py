"""Methods with no more runs than a test needs."""

from deepexplain2 import methods

STEPS = 8
# the methods that explain a graph without spatial axes
ANYWHERE = sorted(name for name, cls in methods.items() if cls.needs_space is not True)


def few(name):
    """The method of a name, intgrad with few points: how runs are made is seen in 8 as in 100."""
    return methods[name](steps=STEPS) if name == 'intgrad' else methods[name]()
