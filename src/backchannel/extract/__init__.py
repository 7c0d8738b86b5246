"""Files that were transferred: put together, hashed, told apart, and kept when asked."""
