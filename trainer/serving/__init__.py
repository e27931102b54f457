"""Models that answer: for trying and comparing them, while nothing is trained."""
