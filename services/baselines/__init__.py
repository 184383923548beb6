"""The registry of authorities and baselines: estimates, proposals, publication. See README.md beside this file."""
