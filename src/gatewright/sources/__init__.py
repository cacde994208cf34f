"""Where objects come from: files and folders (`files`), told as batches of changes (`changes`)."""
