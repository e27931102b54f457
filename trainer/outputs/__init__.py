"""What a run makes: the model in the files of its base, its card, and its report."""
