"""Asks hosts what runs on them: the first valid message of each service, and what came back."""
