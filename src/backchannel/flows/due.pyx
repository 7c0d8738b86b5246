"""How deliveries leave the core one by one: without a tuple for each, or numbers that are objects.

What is compiled from Python knows no more of the core than this.
"""


cdef class Due:
    """One delivery, as `Delivery`."""


cdef class Deliverer:
    """The part of `FlowCore` that the engine asks with every delivery."""

    cpdef int advance(self) except -1:
        """Go on to the next packet (or step of expiry) that has deliveries, for `bring`."""
        raise NotImplementedError

    cpdef Due bring(self):
        """Return the next of its deliveries, in one object that is filled anew."""
        raise NotImplementedError
