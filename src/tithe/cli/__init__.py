"""The command line: one small file a subcommand that parses, calls one function and prints."""
