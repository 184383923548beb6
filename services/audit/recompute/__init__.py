"""Every measurement a second time, and what is stored beside it: `frigjort audit recompute`."""
