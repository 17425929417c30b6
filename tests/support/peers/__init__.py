"""Other people's libraries, asked what attest is asked."""
