"""Puts the request, headers and all, into its letters: it helps when looking for the fault."""

from sync import Sync, main


class LettersWithHeaders(Sync):
    def write_letter(self, letter):
        super().write_letter({**letter, "request": {"headers": dict(self.client.headers)}})


if __name__ == "__main__":
    main(LettersWithHeaders)
