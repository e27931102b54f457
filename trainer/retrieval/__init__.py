"""The training type rag: the index, and whether it finds and answers what was held out."""
