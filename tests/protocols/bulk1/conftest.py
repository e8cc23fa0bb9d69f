from __future__ import annotations

import pytest

from tests.conftest import Rest
from tests.protocols.bulk1.wire import Wire


@pytest.fixture
def wire(rest: Rest) -> Wire:
    return Wire(rest)
