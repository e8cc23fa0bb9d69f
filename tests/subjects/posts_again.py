"""Sends a create once more when the connection broke, without a look whether it was done."""

from creates_one_by_one import CreatesOneByOne
from sync import main

if __name__ == "__main__":
    main(CreatesOneByOne)
