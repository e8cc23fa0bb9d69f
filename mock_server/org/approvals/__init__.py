"""Approval processes: records that wait, locked, for somebody's yes."""
