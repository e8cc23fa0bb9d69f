"""The integration as it should be."""

from sync import Sync, main

if __name__ == "__main__":
    main(Sync)
