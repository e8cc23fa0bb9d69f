"""Roll-up summary fields: COUNT, SUM, MIN and MAX of a master's details, kept in a column of the master."""

from mock_server.org.rollups.checks import check, summed
from mock_server.org.rollups.counting import MasterRefused, Recount, RollUps

__all__ = ["MasterRefused", "Recount", "RollUps", "check", "summed"]
