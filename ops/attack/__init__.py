"""Other people's attackers against the running product."""
