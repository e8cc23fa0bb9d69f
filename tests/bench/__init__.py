"""How much of a bare server's speed the mock keeps: each figure is a ratio, taken in pairs in the same run."""
