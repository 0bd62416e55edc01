"""The inputs that methods try, in plain NumPy."""
