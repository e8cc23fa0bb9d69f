"""Makes the message classes of the Pub/Sub API from its protocol file. The build runs it; nothing imports it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = Path("mock_server/protocols/pubsub")


class Stubs(BuildHookInterface[Any]):  # type: ignore[misc]  # the builder is there while it builds
    """The build's hook: `pubsub_api_pb2.py` and its types lie beside the protocol file, and in every wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        make(Path(self.root))


def make(root: Path) -> None:
    """Write the stubs into a checkout."""
    from grpc_tools import protoc

    folder = root / _FOLDER
    status = protoc.main(
        ["protoc", f"-I{folder}", f"--python_out={folder}", f"--pyi_out={folder}", str(folder / "pubsub_api.proto")]
    )
    if status:
        sys.exit(f"protoc could not read {folder / 'pubsub_api.proto'}")
