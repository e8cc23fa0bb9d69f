"""Reads by Bulk API 1.0 in one chunk, whose result may come in several files."""

from pk_chunks import PkChunks


class WholeBatches(PkChunks):
    chunk = 250_000


if __name__ == "__main__":
    WholeBatches().run()
