"""Which programs of this machine belong to the services of the catalogue, and which of them owns a
flow: read from /proc, the kernel's tables of sockets and the package database. It changes nothing.
"""
