"""The message classes of the stubs, loaded when the first message comes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, TypeVar

from mock_server.org import errors

with warnings.catch_warnings():
    # The stubs are made once, and read by any later runtime: of one that is a version ahead it warns.
    warnings.filterwarnings("ignore", message="Protobuf gencode version", category=UserWarning)
    from mock_server.protocols.pubsub import pubsub_api_pb2 as api

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["api", "read"]

M = TypeVar("M", bound="Message")


def read(kind: type[M], content: bytes) -> M:
    """Return the message that bytes are. Raises ApiError, which tells what they should have been."""
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(content)
    except (DecodeError, UnicodeDecodeError):
        name = kind.DESCRIPTOR.full_name
        if kind is api.FetchRequest:
            raise errors.FETCH_INVALID(why=f"it can't be read as {name}") from None
        if kind is api.ManagedFetchRequest:
            raise errors.MANAGED_UNREADABLE(form=name) from None
        if kind is api.SchemaRequest:
            raise errors.SCHEMA_UNREADABLE(form=name) from None
        raise errors.UNREADABLE_REQUEST(form=name) from None
