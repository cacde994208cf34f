"""Where status documents go: to files (`statusfiles`), and to memory for those who ask (`memory`)."""
