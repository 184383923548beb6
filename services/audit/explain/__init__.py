"""From a record to its share of a total, and from a total down to records: `frigjort audit explain`."""
