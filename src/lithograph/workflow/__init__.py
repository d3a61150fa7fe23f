"""Whole runs: from files to one result."""
