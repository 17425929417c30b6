"""Pages, pipelines and reports, read as a reader, a CI system and a browser do."""
