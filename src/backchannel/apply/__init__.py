"""Loads a policy's text on this host: shown before, confirmed after, undone unless confirmed."""
