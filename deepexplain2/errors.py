"""Every error and warning the library raises. All errors derive from DeepExplainError and from the builtin
they refine."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

_HERE = str(Path(__file__).parent)


class DeepExplainError(RuntimeError):
    """Base of all errors of deepexplain2; a RuntimeError, as DeepExplain raised."""


class ContextError(DeepExplainError):
    """No usable session or graph: none open, closed, finalized, or a context that was left."""


class UnknownMethod(DeepExplainError, ValueError, KeyError):
    """No attribution method of that name."""

    __str__ = Exception.__str__         # a KeyError would show the message in quotes


class ParameterError(DeepExplainError, ValueError):
    """A parameter of a method, or of `run`, is unknown or out of range."""


class TensorError(DeepExplainError, ValueError):
    """T or X is not a tensor that can be explained: wrong type, wrong graph, wrong dtype."""


class NoTensorError(TensorError, IndexError):
    """No tensor of that position or name among the inputs or outputs."""


class PathError(TensorError):
    """T does not depend on X, or not in a way that carries a gradient."""


class ShapeError(DeepExplainError, ValueError):
    """An array does not fit the tensor it is meant for."""


class ValueRangeError(DeepExplainError, ValueError):
    """An array holds NaN, infinity or values out of range."""


class FeedError(DeepExplainError, ValueError):
    """A placeholder that T needs is not fed, or is fed twice."""


class RuleError(DeepExplainError, ValueError):
    """A rule-based method cannot reach an op between X and T."""


class SourceError(DeepExplainError, ValueError):
    """A model that cannot be turned into a graph: wrong file, not frozen, no input signature."""


class FileError(DeepExplainError, ValueError):
    """A file that does not hold what it is read as: damaged, of another program, or of a later version."""


class MissingPackageError(DeepExplainError, ImportError):
    """A call needs a package that is not installed."""


class RunError(DeepExplainError):
    """TensorFlow failed while running the graph."""


class CopyError(DeepExplainError, TypeError):
    """A context or an explainer was to be pickled or copied: it holds a session, which lives in one
    process."""


class NonlinearOpWarning(UserWarning):
    """Ops between X and T that have no rule: the method uses their plain gradient."""


class PathWarning(UserWarning):
    """Part of what T depends on is cut off from X by ops without a gradient."""


class TargetWarning(UserWarning):
    """T is a probability: the tensor before the softmax or sigmoid is the better target."""


class RandomWarning(UserWarning):
    """Ops between X and T that draw random numbers: attributions are as random as T."""


class SourceWarning(UserWarning):
    """A model that could not be compared with the graph that was made of it."""


class CoverageWarning(UserWarning):
    """Features that no occlusion window covers: their attribution is NaN."""


class ToleranceWarning(UserWarning):
    """A method stopped at its limit of steps or samples before it was as exact as asked."""


class MagnitudeWarning(UserWarning):
    """Attributions of a row are so much larger than the output of the model that they only cancel one
    another."""


def shown(value: object) -> str:
    """A value for a message: short, on one line."""
    try:
        said = ' '.join(repr(value).split())
    except Exception:
        said = object.__repr__(value)
    return said if len(said) <= 80 else f'{said[:60]}... ({type(value).__name__})'


def said(error: Exception) -> str:
    """What an error says, without the places in TensorFlow's and Keras's code, and the nodes, that it
    names."""
    # Keras adds both
    text = re.sub('\x1b\\[[0-9;]*m', '', str(error).partition('Arguments received by')[0])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # of AutoGraph: files and lines, the error itself at the end
    if lines and lines[0] == 'in user code:':
        lines = lines[-1:]
    else:
        lines = [f'{type(error).__name__}: {" ".join(lines)}']
    return re.sub(r'\{\{node ([^}]*)\}\}( = \w+\[[^\]]*\]\([^)]*\))?', r'\1', lines[0])[:500]


def first_line(error: Exception) -> str:
    """The first line of what an error says, by default the name of its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def warn(message: str, category: type[Warning]) -> None:
    """A warning that points at the first line outside the library."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back and frame.f_code.co_filename.startswith(_HERE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)
