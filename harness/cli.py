def add_parsers(commands):
    pass
