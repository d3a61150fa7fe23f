"""How activities are run: at once and forgotten, or journaled so that finished work is never lost."""
