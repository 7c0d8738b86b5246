"""Content packs: services and rules as one signed archive, installed beside what ships with us."""
