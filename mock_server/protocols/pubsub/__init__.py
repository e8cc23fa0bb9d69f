"""The Pub/Sub API (gRPC)."""
