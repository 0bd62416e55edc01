"""Every error and warning the library raises. All errors derive from DeepExplainError and from the builtin they refine."""


class DeepExplainError(Exception):
    """Base of all errors of deepexplain2."""


class ContextError(DeepExplainError, RuntimeError):
    """No usable session or graph: none open, closed, finalized, or a context that was left."""


class UnknownMethod(DeepExplainError, ValueError):
    """No attribution method of that name."""


class ParameterError(DeepExplainError, ValueError):
    """A parameter of a method, or of `run`, is unknown or out of range."""


class TensorError(DeepExplainError, ValueError):
    """T or X is not a tensor that can be explained: wrong type, wrong graph, wrong dtype."""


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


class RunError(DeepExplainError, RuntimeError):
    """TensorFlow failed while running the graph."""


class NonlinearOpWarning(UserWarning):
    """Ops between X and T that have no rule: the method uses their plain gradient."""


class PathWarning(UserWarning):
    """Part of what T depends on is cut off from X by ops without a gradient."""


class TargetWarning(UserWarning):
    """T is a probability: the tensor before the softmax or sigmoid is the better target."""


class CoverageWarning(UserWarning):
    """Features that no occlusion window covers: their attribution is NaN."""


class ToleranceWarning(UserWarning):
    """A method stopped at its limit of steps or samples before it was as exact as asked."""


class MagnitudeWarning(UserWarning):
    """Attributions of a row are so much larger than the output of the model that they only cancel one another."""
