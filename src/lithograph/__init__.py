"""Lithograph: documents in, an ontology-typed knowledge graph out, every statement pointing at the characters that say
so.
"""
