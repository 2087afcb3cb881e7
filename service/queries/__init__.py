"""The read side: what pages draw and commands print. One file per question."""
