"""Whose bytes are these? First payloads in, claims out; never a name from a port alone."""
