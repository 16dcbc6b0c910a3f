"""`make bench SCALE=1`: lists, search, pages and live connections at the sizes of a big company. Writes docs/scale.md."""
