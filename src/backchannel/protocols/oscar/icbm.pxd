# C types for icbm.py, which says what these are.

from backchannel.protocols.oscar cimport wire
