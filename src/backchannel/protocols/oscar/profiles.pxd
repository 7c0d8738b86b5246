# C types for profiles.py, which says what these are.

from backchannel.protocols.oscar cimport wire
