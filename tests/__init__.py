"""The tests. Nothing here imports what only the extra `test` installs: `python -m tests` asks before it is there."""

# Set by `python -m tests --thorough`.
THOROUGH = "TESTS_ARE_THOROUGH"
