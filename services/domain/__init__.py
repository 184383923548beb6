"""The measuring itself: pure, in integer milliseconds, without I/O and without a clock. Imports only contracts."""
