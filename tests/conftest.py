"""For all tests: how fast an example is says nothing, because other work may run on the machine."""

import os

from hypothesis import HealthCheck, settings

if not os.environ.get("CI"):  # there Hypothesis has such a profile of its own
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")
