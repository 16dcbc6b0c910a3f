"""What to do with a turn: conversation, policy, script book, handoff."""
