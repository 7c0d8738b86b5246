"""Control of programs: which may run on this host, by package, path, checksum and service."""
