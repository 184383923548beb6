"""The collector: Kafka in, measured rows out. See README.md beside this file."""
