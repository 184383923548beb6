"""The dashboards as code. `python -m deploy.grafana.source` writes them, `--check` says whether they are current."""
