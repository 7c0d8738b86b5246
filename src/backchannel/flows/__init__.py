"""Chunks of packets in; ordered bytes of wanted flows, and counts of all flows, out."""
