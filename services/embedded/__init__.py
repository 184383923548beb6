"""The whole stack on one machine, from wheels alone: a Kafka-protocol broker and a ClickHouse endpoint. See README.md."""
