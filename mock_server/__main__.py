"""`python -m mock_server` is `sfmock`."""

import sys

from mock_server.cli import main

sys.exit(main())
