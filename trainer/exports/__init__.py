"""A trained model as a file for where models are used, and the proof that it is the same model."""
