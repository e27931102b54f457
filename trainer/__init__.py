"""Trains language models from a run file. Knows no HTTP, no database and no Temporal; see README.md beside this file."""
