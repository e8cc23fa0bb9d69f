"""Reports: saved queries that clients run, with groups, totals and filters of their own."""

from mock_server.org.reports.definition import Definition as Definition
from mock_server.org.reports.definition import ReportError as ReportError
from mock_server.org.reports.saved import Instance as Instance
from mock_server.org.reports.saved import Report as Report
from mock_server.org.reports.saved import Reports as Reports
