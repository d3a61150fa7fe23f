"""From a document to its graph: chunk, mentions, entities, relations, assemble."""
