"""Plain web traffic: what programs and names it tells."""
