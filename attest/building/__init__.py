"""The inputs of statements: subjects, packages, reports (evidence), CI systems and commands.

Rule: a statement contains what was found, and nothing else.

>>> import os
>>> from pathlib import Path
>>> import attest
>>> from attest.building import ci, subjects, trees
>>> from attest.building.run import masking, process, record, snapshot
>>> _ = Path("main.c").write_text("int main;")
>>> [subject.name for subject in subjects.from_arguments(["*.c", "release=main.c"])]
['main.c', 'release']
>>> ran = process.run(["cp", "main.c", "main.o"], environment=dict(os.environ))
>>> given, made = (
...     snapshot.take(".", trees.find(".", [glob], missing="file-missing")).descriptors for glob in ("*.c", "*.o")
... )
>>> masker = masking.Masker(os.environ, ())
>>> statement = record.link(record.RunRecord("compile", ran, given, made, {}, masker))
>>> [subject.name for subject in statement.subjects]
['main.o']
>>> "github" in ci.names()
True
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
