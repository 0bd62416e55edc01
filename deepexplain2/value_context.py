"""Targets and values of tensors in the context of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from typing_extensions import Unpack  # comes with TensorFlow

from .compiled import compiled_for
from .engine.locks import graph_lock
from .errors import ContextError, TensorError
from .graph.squashing import Mixed, logits, squashing
from .graph.walks import ancestors
from .named_context import NamedContext
from .request import evaluate
from .request.options import VALUES, ValueOptions, parse
from .request.samples import as_samples
from .session import check_open
from .sources.tensors_by_name import Tensors
from .targets.base import Target, map_entries
from .targets.function import is_function
from .tensors import as_tensor


class ValueContext(NamedContext):
    """What can be asked of a model without attributions: values, logits, scores of targets."""

    def value(self, T: Any, X: Any, xs: Any, ys: Any = None, batch_size: int | None = None,
              **options: Unpack[ValueOptions]) -> np.ndarray:
        """T at the samples xs, in batches.

        Parameters
        ----------
        T : tensor, name, Keras symbolic tensor, function or Target
            Any numeric tensor that depends on X; floating, where there are ys.
        X, xs, batch_size
            As for `explain`.
        ys : array, optional
            Class indices or weights of the units of T, or the data of a Target.
        **options
            feed_dict, progress, memory_limit, as for `explain`.

        Returns
        -------
        array
            With ys, and for a function or Target: what is explained, the weighted sum over the units of T,
            (n,) in float64.
            Without: T as it is, (n, ...). A tensor without a batch axis is evaluated for every row alone.

        Examples
        --------
        >>> de.value(T, X, xs).shape, de.value(T, X, xs, ys=labels).shape
        ((2, 2), (2,))
        """
        checked = parse(batch_size, options, 'value', VALUES)
        if isinstance(T, (list, tuple, Tensors)) and len(T) == 1:
            T = T[0]
        if ys is None and not (isinstance(T, Target) or is_function(T)):
            return self.activations([T], X, xs, batch_size, **options)[0]
        model, target, form = self._scored(T, X, ys)
        return evaluate.score(model, target, form, xs, ys, checked)

    def activations(self, layers: Any, X: Any, xs: Any, batch_size: int | None = None,
                    **options: Unpack[ValueOptions]) -> Any:
        """Values of tensors on the way, such as the outputs of layers, at the samples xs, in batches.

        Parameters
        ----------
        layers : tensor, name or Keras symbolic tensor, or a list, tuple or dict of them
            Numeric tensors that depend on X; see `tensor` for the names of layers.
        X, xs, batch_size
            As for `explain`.
        **options
            feed_dict, progress, memory_limit, as for `explain`.

        Returns
        -------
        array, (n, ...), or a list, tuple or dict of arrays as `layers`

        Examples
        --------
        >>> found = de.activations({'in': X, 'out': T}, X, xs)
        >>> {name: a.shape for name, a in found.items()}
        {'in': (2, 3), 'out': (2, 2)}
        """
        checked = parse(batch_size, options, 'activations', VALUES)
        check_open(self.session)
        inputs, form = self._inputs(X)
        tensors: list[tf.Tensor] = []

        def place(layer):
            tensors.append(as_tensor(self._resolve(layer), self.graph, 'each of the layers'))
            return len(tensors) - 1
        places = map_entries(place, layers)
        xs = form.listed(xs, 'xs')
        if form.is_list:
            as_samples(xs, inputs, form)            # all of them, with the message for all of X
        found: dict[int, np.ndarray] = {}
        for chosen, group in self._by_inputs(tensors, inputs).items():
            with graph_lock(self.graph):
                compiled = compiled_for(self.session)
                models = [compiled.model(self.session, tensors[k], [inputs[i] for i in chosen], self._layers)
                          for k in group]
            given = xs if len(chosen) == len(inputs) else [xs[i] for i in chosen]
            of_chosen = replace(form, names=tuple(form.names[i] for i in chosen))
            found |= dict(zip(group, evaluate.values(models, of_chosen, given, checked)))
        return map_entries(lambda k: found[k], places)

    def _by_inputs(self, tensors: list[tf.Tensor], inputs: list[tf.Tensor]) -> dict[tuple[int, ...],
                                                                                    list[int]]:
        """The positions of tensors by those of the inputs that they depend on; by all, where that is none."""
        names = {x.name for x in inputs}
        groups: dict[tuple[int, ...], list[int]] = {}
        for k, t in enumerate(tensors):
            ops = ancestors([t], names)
            taken = {i.name for op in ops for i in op.inputs} | {t.name}
            chosen = tuple(i for i, x in enumerate(inputs) if x.name in taken) or tuple(range(len(inputs)))
            groups.setdefault(chosen, []).append(k)
        return groups

    def logits(self, T: Any) -> tf.Tensor:
        """The logits of a T that is the output of a softmax, log-softmax or sigmoid, in the layout of T.

        Parameters
        ----------
        T : tensor, name, Keras symbolic tensor, function or Target
            Softmax and sigmoid may be ops, or written by hand with exp or tanh, and inside of functions. What
            only moves the values on the way to T (cast, reshape, transpose, slice, gather, split,
            concatenation of outputs of one kind) is applied to the logits, what clips or masks them is left
            out.

        Returns
        -------
        tf.Tensor
            T itself where it is no such output. Where new ops are needed they are added to the graph, once
            per T.

        Raises
        ------
        TensorError
            Where T has no single logits: averages, products and other mixtures of probabilities,
            conditionals.
        ContextError
            Where ops are needed and the graph is finalized.
        """
        target = self.tensor(self._resolve_target(T))
        with graph_lock(self.graph):
            made = compiled_for(self.session).logits
            if target.name not in made:
                found = squashing(target)
                if isinstance(found, Mixed):
                    raise TensorError(f'T "{target.name}" has no single logits: it {found.reason}. Target '
                                      f'what goes into '
                                      f'{" or ".join(found.ops[:4])}, or T itself')
                if found is None:
                    return target
                if found.adds and self.graph.finalized:
                    raise ContextError(f'the graph is finalized, and the logits of T "{target.name}" need '
                                       f'ops of their own. Call de.logits before '
                                       f'graph.finalize(), or target what goes into {found.ops[0]}')
                made[target.name] = logits(found, self.graph)
            return self.tensor(made[target.name])
