"""Prompts: what a language model is asked, and the shape in which it answers."""
