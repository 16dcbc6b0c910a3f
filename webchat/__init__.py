"""The resident's chat page and widget."""
