"""Trees of files as machines have them, made for a test."""

import hashlib

ELF = b"\x7fELF\x02\x01\x01\x00"


class Tree:
    """A system's files in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.file(
            "/etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
        )
        for home in ("root", "home/alice"):
            (folder / home).mkdir(parents=True, exist_ok=True)

    def file(self, path, content="", mode=0o644):
        """Write a file."""
        place = self.folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        place.chmod(mode)
        return path

    def program(self, path, content=ELF + b"program"):
        """Write a file that can be run."""
        return self.file(path, content, 0o755)

    def link(self, path, target):
        """Make a symbolic link."""
        place = self.folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def deb(self, package, *paths, version="1.0-1", listed=None, status="install ok installed"):
        """Write what dpkg knows of a package with these files; *listed* are other names of them."""
        info = "/var/lib/dpkg/info"
        names = listed or paths
        self.file(f"{info}/{package}.list", "/.\n" + "".join(f"{name}\n" for name in names))
        sums = [hashlib.md5((self.folder / path[1:]).read_bytes()).hexdigest() for path in paths]
        lines = [f"{md5}  {name[1:]}\n" for md5, name in zip(sums, names, strict=True)]
        self.file(f"{info}/{package}.md5sums", "".join(lines))
        place = self.folder / "var/lib/dpkg/status"
        before = place.read_text() if place.exists() else ""
        place.write_text(
            f"{before}Package: {package}\nStatus: {status}\nVersion: {version}\n"
            f"Description: of {package}\n Version: of nothing\n\n"
        )
