"""The routes, a file for each thing that people speak of."""
