"""Tests of the ready-made rules, one file a rule."""
