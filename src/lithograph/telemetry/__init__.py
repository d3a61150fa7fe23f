"""Telemetry: who watches what happens here. Metrics, logs and traces are observers; the work knows of none of them."""
