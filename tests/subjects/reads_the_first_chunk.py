"""Takes the first batch that is completed for the whole result, as it was before PK chunking."""

from pk_chunks import PkChunks


class ReadsTheFirstChunk(PkChunks):
    def batches(self, job):
        return [batch for batch in super().batches(job) if batch["state"] == "Completed"][:1]


if __name__ == "__main__":
    ReadsTheFirstChunk().run()
