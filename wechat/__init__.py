"""The company's WeChat official account: the same dialogue, in the resident's WeChat."""
