"""Every error and warning of the library. An error derives from DeepExplainError and from the builtin error
that it refines."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

_HERE = str(Path(__file__).parent)


class DeepExplainError(RuntimeError):
    """Base of all errors of deepexplain2. It is a RuntimeError, which DeepExplain raised."""


class ContextError(DeepExplainError):
    """There is no usable session or graph: none is open, or it is closed or finalized, or a context was
    left."""


class UnknownMethod(DeepExplainError, ValueError, KeyError):
    """There is no attribution method of that name."""

    __str__ = Exception.__str__         # a KeyError would show the message in quotes


class UnknownMetric(DeepExplainError, ValueError, KeyError):
    """There is no metric of that name."""

    __str__ = Exception.__str__         # a KeyError would show the message in quotes


class ParameterError(DeepExplainError, ValueError):
    """A parameter of a method, or of `run`, is unknown or out of range."""


class TensorError(DeepExplainError, ValueError):
    """T or X is not a tensor that can be explained: wrong type, wrong graph, wrong dtype."""


class NoTensorError(TensorError, IndexError):
    """There is no tensor of that position or name among the inputs or outputs."""


class PathError(TensorError):
    """T does not depend on X, or not in a way that carries a gradient."""


class ShapeError(DeepExplainError, ValueError):
    """The shape of an array does not fit its tensor."""


class ValueRangeError(DeepExplainError, ValueError):
    """An array holds NaN, infinity or values out of range."""


class FeedError(DeepExplainError, ValueError):
    """A placeholder that T needs is not fed, or it is fed twice."""


class RuleError(DeepExplainError, ValueError):
    """A rule-based method cannot reach an op between X and T."""


class SourceError(DeepExplainError, ValueError):
    """A model cannot become a graph: the file is of another kind, it is not frozen, or a signature is
    missing."""


class FileError(DeepExplainError, ValueError):
    """A file that does not hold what it is read as: damaged, of another program, or of a later version."""


class MissingPackageError(DeepExplainError, ImportError):
    """A call needs a package that is not installed."""


class RunError(DeepExplainError):
    """TensorFlow failed while running the graph."""


class CopyError(DeepExplainError, TypeError):
    """A context or an explainer cannot be pickled or copied: it holds a session, which lives in one
    process."""


class NonlinearOpWarning(UserWarning):
    """Ops between X and T have no rule: the method uses their plain gradient."""


class ReluWarning(UserWarning):
    """A method that is defined at ReLU alone meets other activations, or no ReLU at all."""


class PathWarning(UserWarning):
    """Ops without a gradient separate X from a part of what T depends on."""


class TargetWarning(UserWarning):
    """T is a probability: the tensor before the softmax or sigmoid is the better target."""


class RandomWarning(UserWarning):
    """Ops between X and T draw random numbers: attributions are as random as T."""


class SourceWarning(UserWarning):
    """A model could not be compared with the graph that was made from it."""


class BaselineWarning(UserWarning):
    """A baseline has as many rows as xs, and could be a set of references as well."""


class CoverageWarning(UserWarning):
    """No occlusion window covers some features: their attribution is NaN."""


class CostWarning(UserWarning):
    """A call will evaluate the model very often for every row, and shows no progress."""


class ToleranceWarning(UserWarning):
    """A method reached its limit of steps or samples before the requested tolerance."""


class NoiseWarning(UserWarning):
    """Noise as a fraction of the range of a row is none: all entries of the row are equal."""


class MetricWarning(UserWarning):
    """A metric says nothing of some rows."""


class MagnitudeWarning(UserWarning):
    """Attributions of a row are far larger than the output of the model: they only cancel one another."""


def shown(value: object) -> str:
    """A value for a message: short, on one line."""
    try:
        text = ' '.join(repr(value).split())
    except Exception:
        text = object.__repr__(value)
    return text if len(text) <= 80 else f'{text[:60]}... ({type(value).__name__})'


def brief_message(error: Exception) -> str:
    """The type and message of an error on one line, without the places in the code of TensorFlow and Keras,
    and without the nodes, that it names."""
    text = str(error).partition('Arguments received by')[0]             # Keras adds the arguments
    text = re.sub('\x1b\\[[0-9;]*m', '', text)                           # and colours
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0] == 'in user code:':       # AutoGraph: files and lines, the error itself at the end
        line = lines[-1]
    else:
        line = f'{type(error).__name__}: {" ".join(lines)}'
    return re.sub(r'\{\{node ([^}]*)\}\}( = \w+\[[^\]]*\]\([^)]*\))?', r'\1', line)[:500]


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the first line of code outside the library."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back and frame.f_code.co_filename.startswith(_HERE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)
