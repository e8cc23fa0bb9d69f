"""The one catalogue of Salesforce errors: code, HTTP status, message template and class.

Sources: R recorded against a real org, D vendor documentation, K recall. Texts are templates for `str.format`.
"""

from mock_server.org.errors.catalogue import CATALOGUE as CATALOGUE
from mock_server.org.errors.catalogue import ApiError as ApiError
from mock_server.org.errors.catalogue import ErrorClass as ErrorClass
from mock_server.org.errors.catalogue import ErrorSpec as ErrorSpec
from mock_server.org.errors.catalogue import Shape as Shape

# In order: the first row of a code is the one a fault uses when it names the code alone.
from mock_server.org.errors.access import *  # isort: skip
from mock_server.org.errors.logins import *  # isort: skip
from mock_server.org.errors.requests import *  # isort: skip
from mock_server.org.errors.statements import *  # isort: skip
from mock_server.org.errors.saves import *  # isort: skip
from mock_server.org.errors.user_interface import *  # isort: skip
from mock_server.org.errors.composite import *  # isort: skip
from mock_server.org.errors.jobs import *  # isort: skip
from mock_server.org.errors.classic_jobs import *  # isort: skip
from mock_server.org.errors.pubsub import *  # isort: skip
from mock_server.org.errors.streaming import *  # isort: skip

BY_CODE: dict[str, ErrorSpec] = {spec.code: spec for spec in reversed(CATALOGUE)}
"""The default row of each code."""
