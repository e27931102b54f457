"""Whether a finished model is whole, is the one that was trained, and is better than its base."""
