"""The graph between X and T: which ops lie on it, and a copy of it with rules. Knows nothing of methods."""
