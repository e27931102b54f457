"""How a model does on rows that it has not seen: its loss, while it trains and afterwards, and what it says."""
