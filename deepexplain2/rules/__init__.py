"""Rules: what takes the place of the gradient of a nonlinearity. One file per family, one function per rule,
formulas only."""
