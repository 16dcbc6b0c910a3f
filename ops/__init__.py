"""Set-up, start, measurements: programs for people and CI, not part of the product."""
