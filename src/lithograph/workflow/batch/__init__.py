"""A batch: many documents as one execution, each a child of its own, and what is one thing across them."""
