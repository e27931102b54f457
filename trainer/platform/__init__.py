"""What knows nothing of models and rows: how the trainer ends, what it reports and obeys, and what the machine has."""
