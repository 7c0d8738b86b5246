"""One loop for files and live traffic: deliveries of the core in, observations out."""
