"""Wire: rules that end in xDS resources."""
