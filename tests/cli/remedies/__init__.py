"""What docs/verify/rejected.md advises for each code, done as a user would: then it is a yes, or the right no."""
