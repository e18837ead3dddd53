"""Where instructions go, for docs/performance.md: (title, workloads, [(function, piece, why it is there)]). The first
pattern that is found in a function's name says which piece it belongs to."""

PIECES = []
