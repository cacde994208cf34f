"""Status: rules that end in the status documents of objects."""
