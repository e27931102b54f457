"""From data and a base model to a trained one, step by step."""
