"""The tasks of one baseline's scope: what a change would do to them, and what its holdout says."""
