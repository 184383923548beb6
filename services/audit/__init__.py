"""What an auditor asks of ClickHouse and Kafka; no process of its own."""
