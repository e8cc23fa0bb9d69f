"""The objects of the Tooling API: those that only it has, and its own view of those that it shares."""
