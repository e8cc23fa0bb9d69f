"""Calls without a time-out, as HTTP clients do by default."""

from sync import Sync, main


class HasNoTimeout(Sync):
    timeout = None


if __name__ == "__main__":
    main(HasNoTimeout)
