"""The tasks of one baseline's scope and what a change would do to them."""
