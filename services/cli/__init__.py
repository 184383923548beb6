"""The command line: `frigjort`. The composition of the other services on one machine."""
