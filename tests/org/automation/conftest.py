"""The same org as the write pipeline's tests have."""

from tests.org.records.conftest import org, save, who

__all__ = ["org", "save", "who"]
