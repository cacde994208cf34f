"""The graph: pure rules that settle who is attached to what, and what is wrong with it."""
