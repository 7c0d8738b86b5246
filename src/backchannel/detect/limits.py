"""What findings may hold at most, and what is looked at for them."""

SUBJECTS = 2_000
"""Findings of one rule."""
WATCHED = 4_096
"""Subjects of a counting rule that are watched at a time; the oldest is let go."""
EVIDENCE = 8
"""Places kept for one finding: the first ones that show something else."""
LOOKED_AT = 64
"""Matches of one finding that are looked at for evidence."""
ALIKE = 4
"""Matches in a row on one flow that show nothing new; then no more of that flow are looked at."""
EXCERPT = 160
"""Characters of an excerpt."""
HOSTS = 64
"""Hosts of one finding, and accounts."""
