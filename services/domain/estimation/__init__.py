"""From finished tasks to a baseline: cap, estimate, what is known of the history, and the verdict whether it supports one."""
