"""Takes whoever is slow for dead: its time-out is far below what it declares, and what Salesforce needs."""

from sync import Sync, main


class IsTooHasty(Sync):
    timeout = 0.5


if __name__ == "__main__":
    main(IsTooHasty)
