"""The command line as tests run it."""
