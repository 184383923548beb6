"""What every process needs, without any domain: settings, logging, errors, health and metrics server, connections."""
