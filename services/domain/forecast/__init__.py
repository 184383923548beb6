"""From what was freed so far to the target: run-rate, scenarios, the error of forecasts, the pace still required."""
