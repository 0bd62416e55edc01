"""The memory of the machine."""

from __future__ import annotations

import os


def free_memory() -> int:
    """Bytes that are free, as far as the system tells."""
    try:
        return os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (AttributeError, ValueError, OSError):
        return 4 << 30
