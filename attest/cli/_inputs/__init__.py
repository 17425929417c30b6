"""What a command reads besides its options: documents, directories, secrets, and the signers that it names.

Rule: an input is read in full or not at all, and a secret only when it is needed.
"""
