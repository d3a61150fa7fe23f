"""A workspace from Python, wherever it is: in a database that this process opens, or behind a server's HTTP API."""
