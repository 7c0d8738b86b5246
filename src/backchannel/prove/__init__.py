"""Proves what a ruleset does: recorded conversations played through the real kernel."""
