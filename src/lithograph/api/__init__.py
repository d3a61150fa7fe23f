"""The HTTP API: what one organisation can do in its workspace, under `/v1`, with events that can be resumed."""
