"""The Pub/Sub API: `eventbus.v1.PubSub` over gRPC. Decodes, asks `org.events`, encodes."""

from mock_server.protocols.pubsub import managed, publish, subscribe, topics

ROUTES = [topics.routes, publish.routes, subscribe.routes, managed.routes]

__all__ = ["ROUTES", "managed", "publish", "subscribe", "topics"]
