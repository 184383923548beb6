"""Grafana's dashboards: built as code in `source`, generated into `dashboards`, provisioned by `provisioning`."""
