"""For measuring and testing extraction: documents whose right answers are known, and an extractor that gives them."""
