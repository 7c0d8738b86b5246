"""What was found, for other systems: STIX, ECS, CEF, syslog, Sigma. One module a format."""
