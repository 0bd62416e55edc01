"""The session that explains: open, of the graph asked for, and in one process."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from .errors import ContextError, CopyError
from .kinds import way_in


class HoldsSession:
    """Base of objects that hold a session, which lives in one process: they cannot be pickled or copied."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise CopyError(f'{type(self).__name__} cannot be pickled or copied: it holds the session of this '
                        f'process. Send the model (its path, '
                        'or its weights) and xs, and make a context there; attributions are NumPy arrays, '
                        'which can be sent')


def open_session(session: Any, graph: Any) -> tuple[Any, tf.Graph]:
    """The session to use and its graph; ContextError when there is none, or when it is not the graph asked
    for."""
    if isinstance(session, tf.Graph):                           # the order of DeepExplain: (graph, session)
        session, graph = graph, session
    session = tf.compat.v1.get_default_session() if session is None else session
    if session is None:
        raise ContextError('no session given and no default session is open. Use DeepExplain(session), or '
                           'enter '
                           '"with tf.compat.v1.Session(graph=graph):" first')
    if not callable(getattr(session, 'run', None)) or not isinstance(getattr(session, 'graph', None),
                                                                     tf.Graph):
        raise ContextError(f'session must be a tf.compat.v1.Session, not '
                           f'{type(session).__name__}{way_in(session)}')
    if graph is not None and not isinstance(graph, tf.Graph):
        raise ContextError(f'graph must be the tf.Graph of the session, or left out, not '
                           f'{type(graph).__name__}')
    if graph is not None and graph is not session.graph:
        raise ContextError('the session runs another graph than the one given as graph=. Give only the '
                           'session, or '
                           'tf.compat.v1.Session(graph=graph)')
    check_open(session)
    return session, session.graph


def check_open(session: Any) -> None:
    """Raise ContextError where the session is closed."""
    closed = getattr(session, '_closed', None)
    if closed is None and hasattr(session, 'should_stop'):      # monitored sessions
        closed = session.should_stop()
    if closed:
        raise ContextError('the session is closed. Explain while it is open')
