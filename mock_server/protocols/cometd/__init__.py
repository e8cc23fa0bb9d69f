"""The Streaming API: CometD over long polling, `/cometd/NN.0`."""

from mock_server.protocols.cometd.endpoint import ROUTES

__all__ = ["ROUTES"]
