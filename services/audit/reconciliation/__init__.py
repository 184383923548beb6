"""Whether all that Kafka delivered is stored: offsets of the one beside counts of the other."""
