"""Images in a directory: the image layout v1.0.0 of image-spec.

Rule: nothing outside the directory is opened, and a blob is found by its digest alone.
"""
