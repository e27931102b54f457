"""What a run was told, and what it keeps: its checkpoints, its tokens, its history."""
