"""What is reported of the measurements in ClickHouse: effects, waterfall, their uncertainty. No process of its own."""
