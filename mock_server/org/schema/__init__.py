"""Objects and fields: what they are, where they come from, how they describe themselves."""

from mock_server.org.schema.errors import SchemaError
from mock_server.org.schema.schema import Schema

__all__ = ["Schema", "SchemaError"]
