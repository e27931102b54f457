"""What knows nothing of models and rows: how the trainer ends, what it tells and obeys, and what the machine has."""
