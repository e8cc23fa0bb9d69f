"""The Pub/Sub API: `eventbus.v1.PubSub` over gRPC. Decodes, asks `org.events`, encodes."""

from mock_server.protocols.pubsub import publish, subscribe, topics

ROUTES = [topics.routes, publish.routes, subscribe.routes]

__all__ = ["ROUTES", "publish", "subscribe", "topics"]
