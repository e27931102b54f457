"""Files of rows to conversations."""
