"""Seals: who makes checkpoints of the chain of records, where they are kept, and whether the records are still those."""
