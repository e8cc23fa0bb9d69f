"""Reports of trials: for people on a terminal, as a page, and for programs."""
