"""What an explainer asks of its session."""

from __future__ import annotations


def counted(explainer, monkeypatch):
    """The rows of every session run that the explainer makes, as they are made."""
    compiled, rows = explainer.compile(), []
    evaluate = compiled.evaluate
    monkeypatch.setattr(compiled, 'evaluate', lambda batch: rows.append(len(batch.rows)) or evaluate(batch))
    return rows
