"""The control plane and its client."""
