"""What a base model is, how it is loaded, and which of its layers are trained."""
