"""`make nlu-report`: what the understanding is worth, measured as a live turn understands it. Writes docs/nlu.md."""
