"""Occlusion as its definition reads, and the rows of every run of a session."""

import itertools

import numpy as np


def occluded(net, x, ys, b, window, step):
    """Windows one by one, as the definition reads."""
    total, count = np.zeros(x.shape), np.zeros(x.shape)
    for at in itertools.product(*(range(0, s - w + 1, t) for s, w, t in zip(x.shape[1:], window, step))):
        where = (slice(None), *(slice(a, a + w) for a, w in zip(at, window)))
        changed = x.copy()
        changed[where] = np.broadcast_to(b, x.shape)[where]
        drop = net.f(x, ys) - net.f(changed, ys)
        total[where] += (drop / np.prod(window)).reshape((-1,) + (1,) * (x.ndim - 1))
        count[where] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def counted(explainer, monkeypatch):
    """The rows of every session run that the explainer makes."""
    query, rows = explainer.compile(), []
    evaluate = query.evaluate
    monkeypatch.setattr(query, 'evaluate', lambda batch: rows.append(len(batch.rows)) or evaluate(batch))
    return rows
