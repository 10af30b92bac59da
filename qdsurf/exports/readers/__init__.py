"""One small reader for each code: a folder in, plain numbers out, in the order of the code's own files."""
