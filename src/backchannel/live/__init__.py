"""Live traffic: the same engine as for files, and everything that a monitor needs around it."""
