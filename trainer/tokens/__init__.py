"""Texts to tokens, all rows to examples, and examples to batches."""
