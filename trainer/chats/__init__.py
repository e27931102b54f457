"""Conversations to texts, through the chat template of a model, and what of them is learnt."""
