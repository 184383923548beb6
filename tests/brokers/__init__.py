"""Apache Kafka for the tests: its jars, one broker, a cluster of three."""
