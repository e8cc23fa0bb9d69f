"""The objects of the Tooling API: those that only it has, and its own view of those that it shares."""

NOT_RUN = "Apex is not run here: sfmock is a mock of the platform's data and APIs"
"""What is said to whom asks for it."""
