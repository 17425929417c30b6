"""Coverage-guided fuzzing of what strangers write: `python -m tests.fuzz`, and a target a module in `targets/`.

Rule: a target says what must hold of any bytes, and needs no fuzzer for it: tests/fuzz/test_fuzz.py asks the corpus.
"""
