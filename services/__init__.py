"""The processes of Frigjort, one package each; see docs/architecture.md."""
