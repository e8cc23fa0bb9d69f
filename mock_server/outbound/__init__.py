"""What carries an org's outgoing traffic: declarations of it, and the client that sends it."""
