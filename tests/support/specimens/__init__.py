"""What the conformance suite of the signers tries each URI scheme with: one module a scheme, named after it.

Each offers `specimens(folder)`, URIs of keys that exist, at least one for each algorithm the scheme has;
`missing(folder)`, a URI that opens and leads to nothing, with `MISSING`, its code if that is not `key-not-found`; and
`secrets`, the callback that knows what opens them. One whose library reads the environment has `environment(patch)`
too, which sets it.
"""
