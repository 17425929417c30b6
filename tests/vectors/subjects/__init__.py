"""The scenarios, one file a subject, which is the folder of fixtures/vectors that they are written to."""
