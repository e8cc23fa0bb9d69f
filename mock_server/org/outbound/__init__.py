"""What the org sends by itself: outbound messages and callouts, waiting in its queue until somebody carries them.

Nothing here knows a network: `mock_server.outbound` takes what is due and tells what became of it.
"""
