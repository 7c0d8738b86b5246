"""backchannel finds, decodes and closes the back channels in a network."""

__version__ = "0.1.0"
