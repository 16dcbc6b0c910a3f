"""Understanding: what was heard becomes an intent, entities and, without any model, an alarm."""
