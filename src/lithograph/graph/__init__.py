"""The knowledge graph beyond one extraction: as RDF, and as files that other programs read."""
