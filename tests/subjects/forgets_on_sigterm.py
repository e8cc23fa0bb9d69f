"""Takes all that it has read for done when it is asked to stop, lest anything be sent twice."""

import os
import signal
import sys

from checkpointed import Checkpointed
from sync import read_inputs


def main(env=os.environ):
    sync, items = Checkpointed(env), read_inputs(env)

    def stop(*_):
        sync.stopping = True
        sync.mark(items)

    signal.signal(signal.SIGTERM, stop)
    return sync.run(items)


if __name__ == "__main__":
    sys.exit(main())
