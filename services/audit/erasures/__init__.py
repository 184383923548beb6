"""Lawful erasure: payload and salt of a record go, digest, leaf and seal stay, and a ledger says who wanted it and why."""
