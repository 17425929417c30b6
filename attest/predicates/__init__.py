"""Typed predicate builders, one file for each predicate type, named as its schema in schemas/predicates.

Rule: a predicate that goes through its builder comes out equal, unknown fields included.

>>> import attest
>>> from attest import predicates
>>> link = predicates.Link(name="compile", command=["cc", "main.c"])
>>> product = attest.ResourceDescriptor("main.o", {"sha256": "0" * 64})
>>> statement = attest.Statement.build([product], predicate=link)
>>> statement.predicate_type
'https://in-toto.io/attestation/link/v0.3'
>>> predicates.from_statement(statement) == link
True
"""

from __future__ import annotations

from attest._base import lazy

__getattr__, __dir__ = lazy.attach(__name__, __file__)
