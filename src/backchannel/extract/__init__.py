"""Files that went over the wire: put together, hashed, told apart, and kept when asked."""
