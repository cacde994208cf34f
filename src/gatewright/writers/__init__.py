"""Where status documents go: to files (`statusfiles`)."""
