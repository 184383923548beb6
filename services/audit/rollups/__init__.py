"""What is published, and what was: read, and checked against the measurements."""
