"""A plug-in that cannot be imported: whoever imports it without need fails."""

raise RuntimeError("the PIN is 1234")
