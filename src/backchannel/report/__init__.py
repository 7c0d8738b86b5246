"""What was seen, for people and for programs: a summary, then one function a format."""
