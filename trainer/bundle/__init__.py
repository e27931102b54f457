"""What answers questions from an index. Copies of these files lie beside each other in each bundle, without the rest of the trainer: they use nothing else of it."""
