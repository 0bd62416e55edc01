"""The score and the probability of a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from ..errors import ParameterError, TargetWarning, TensorError, warn
from ..graph.squashing import Mixed, is_log, squashing
from ..parameters import Seed
from ..tensors import shape_text
from .base import Target


@dataclass(frozen=True)
class ClassScore(Target):
    """The score of a class, or the difference between the scores of two classes.

    Parameters
    ----------
    of_class : int, optional
        The class, the same for all rows. By default ys say which.
    against : int, optional
        A class whose score is subtracted: what speaks for one class rather than for this one.
    outputs : tensor or name, by keyword, optional
        The scores, (batch, classes), best logits; (batch, 1) or (batch,) where the model has one score.

    Raises
    ------
    TensorError
        Where outputs have other shapes, or fewer classes.
    FeedError
        Without ys where `of_class` is not given: the sum of the scores of all classes says little.

    Notes
    -----
    T = s[c], or s[c] - s[against], in units of the scores. Data: ys are class indices, (n,), or weights,
    (n, classes) or (1, classes), floating, with -1 for contrasts; none where `of_class` is given. Cost: none
    beside that of the model.

    References
    ----------
    Simonyan, Vedaldi, Zisserman (2013). Deep inside convolutional networks: visualising image classification
    models and saliency maps. arXiv:1312.6034

    Examples
    --------
    >>> de.explain('intgrad', ClassScore(outputs=T), X, xs, ys=labels).shape
    (2, 3)
    >>> de.value(ClassScore(1, against=0, outputs=T), X, xs)
    array([-8. , 2.5])
    """

    of_class: Seed | None = None
    against: Seed | None = None

    def check(self):
        if self.of_class is not None and self.of_class == self.against:
            raise ParameterError(f'{type(self).__name__}: of_class and against are both {self.against}, and '
                                 f'the difference is 0')

    @property
    def needs_ys(self) -> bool:  # type: ignore[override]
        """Whether ys say which class is meant."""
        return self.of_class is None

    def data(self, outputs):
        one_per_row(outputs, self)
        for name in 'of_class', 'against':
            units, value = outputs.shape[1:].num_elements(), getattr(self, name)
            if value is not None and units is not None and value >= units:
                raise TensorError(f'target {self!r}: {name} is {value}, but outputs "{outputs.name}" have '
                                  f'{units} classes: 0 to {units - 1}')

    def build(self, outputs, ys):
        scores = outputs if outputs.shape.rank == 2 else outputs[:, None]
        of_all = scores
        if self.of_class is not None:
            scores = scores[:, self.of_class]
        if self.against is None:
            return scores
        return scores - (of_all[:, self.against] if self.of_class is not None
                         else of_all[:, self.against:self.against + 1])


@dataclass(frozen=True)
class Probability(Target):
    """The probability of a class, made of logits: their softmax or sigmoid.

    Parameters
    ----------
    of_class : int, optional
        The class, the same for all rows. By default ys say which.
    function : str, default 'softmax'
        'softmax': over all classes. 'sigmoid': of each class by itself, or of a model with one logit.
    outputs : tensor or name, by keyword, optional
        The logits, (batch, classes); (batch, 1) or (batch,) where the model has one logit.

    Raises
    ------
    TensorError
        Where outputs have other shapes or fewer classes, or are seen in the graph to be probabilities
        already.
    FeedError
        Without ys where `of_class` is not given.

    Notes
    -----
    T = exp(s[c]) / sum_k exp(s[k]), or 1 / (1 + exp(-s[c])), between 0 and 1. Data: as for ClassScore. The
    shares of all classes mix in a softmax, and a saturated probability has no gradient: ClassScore is the
    better target unless the probability itself is in question. Methods do not warn of it here. Cost: none
    beside that of the model.

    References
    ----------
    Bridle (1990). Probabilistic interpretation of feedforward classification network outputs.
    doi:10.1007/978-3-642-76153-9_28

    Examples
    --------
    >>> de.value(Probability(outputs=T), X, xs, ys=labels).round(3)
    array([1. , 0.924])
    >>> de.explain('deeplift', Probability(outputs=T), X, xs, ys=labels).shape
    (2, 3)
    """

    of_class: Seed | None = None
    function: Literal['softmax', 'sigmoid'] = 'softmax'

    uses_probabilities = True

    @property
    def needs_ys(self) -> bool:  # type: ignore[override]
        """Whether ys say which class is meant."""
        return self.of_class is None

    def data(self, outputs):
        ClassScore(self.of_class, outputs=outputs).data(outputs)
        if self.function == 'softmax' and outputs.shape[1:].num_elements() == 1:
            raise TensorError(f'target {self!r}: outputs "{outputs.name}" have one logit, and a softmax of '
                              f"one is always 1. Take function='sigmoid'")
        found = squashing(outputs)
        if found is None or is_log(found):
            return
        said = (f'target {self!r}: outputs "{outputs.name}" are made by {", ".join(found.ops[:4])}, so that '
                f'they are probabilities already. Give the logits: de.logits(T), or take ClassScore')
        if isinstance(found, Mixed):
            warn(said, TargetWarning)
        else:
            raise TensorError(said)

    def build(self, outputs, ys):
        logits = outputs if outputs.shape.rank == 2 else outputs[:, None]
        found = tf.nn.softmax(logits) if self.function == 'softmax' else tf.nn.sigmoid(logits)
        return found if self.of_class is None else found[:, self.of_class]


def one_per_row(outputs: Any, target: Target) -> None:
    """Raise TensorError unless outputs are one tensor, (batch, units) or (batch,)."""
    single(outputs, target)
    if outputs.shape.rank not in (1, 2):
        raise TensorError(f'target {target!r}: outputs "{outputs.name}" have shape '
                          f'{shape_text(outputs.shape)}, not (batch, classes). For scores of places take '
                          f'Segmentation')


def single(outputs: Any, target: Target) -> None:
    """Raise TensorError unless outputs are one floating tensor with a batch axis and known rank."""
    if not isinstance(outputs, tf.Tensor):
        raise TensorError(f'target {target!r} takes one tensor as outputs, not {len(outputs)}. Choose: '
                          f'{type(target).__name__}(outputs=...)')
    if not outputs.dtype.is_floating or not outputs.shape.rank:
        raise TensorError(f'target {target!r}: outputs "{outputs.name}" {shape_text(outputs.shape)} '
                          f'{outputs.dtype.name} must be floating, with a batch axis')
