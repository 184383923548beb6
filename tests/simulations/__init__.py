"""What the intervals promise, counted in simulated worlds whose truth is known: slow, run by hand, figures in docs/."""
