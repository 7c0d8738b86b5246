"""One module a firewall: `NAME`, `TITLE`, `judge` and `emit`, as `policy.compile` says."""
