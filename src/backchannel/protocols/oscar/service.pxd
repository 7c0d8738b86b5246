# C types for service.py, which says what these are.

from backchannel.protocols.oscar cimport wire
