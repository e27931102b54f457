"""What a run is told to experiment trackers, through their own clients: a module for each. Runs in an environment of its own (requirements-trackers.txt)."""
