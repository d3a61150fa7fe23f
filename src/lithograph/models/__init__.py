"""Models: language models and embedders of any provider, behind two small protocols."""
