"""Policies: what their authors write, what that means, and the firewalls it becomes."""
