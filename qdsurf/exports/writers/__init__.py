"""One small writer for each code: System and Calculation in, texts of files out; nothing on disk."""
