"""The composite resources: several requests, or a tree of records, in one call.

Importing the package declares its operations. Sources: REST API Developer Guide, "Composite", "Composite Graph",
"Composite Batch", "sObject Tree".
"""

from mock_server.protocols.rest.composite import batch, graph, resources, run, tree

__all__ = ["batch", "graph", "resources", "run", "tree"]
