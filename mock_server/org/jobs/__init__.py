"""Jobs of the Bulk APIs: what they are, what they hold, and who works them off."""

from mock_server.org.jobs.jobs import Jobs
from mock_server.org.jobs.model import Batch, Job, NewJob

__all__ = ["Batch", "Job", "Jobs", "NewJob"]
