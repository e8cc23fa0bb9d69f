"""Virtual time: a subject's time goes by when all it does is wait."""
