"""The offline baseline: an extractor of patterns and cue words, without a model, a key or a network.

It finds what a text says in plain words and in the ontology's own terms, and is no match for a language model.
"""

from lithograph.extraction.rules.extractor import RulesExtractor

__all__ = ["RulesExtractor"]
