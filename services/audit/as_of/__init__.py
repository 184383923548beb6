"""What a total was at an instant, and why it is another one now: `frigjort audit as-of`, `frigjort audit diff`."""
