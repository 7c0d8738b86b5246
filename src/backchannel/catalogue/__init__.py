"""What is known of each service: YAML files, every fact with its source."""
