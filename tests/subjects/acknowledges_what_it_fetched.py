"""Notes as done, when it is asked to stop, all that it has fetched."""

import sys

from stoppable import Stoppable
from sync import main


class AcknowledgesWhatItFetched(Stoppable):
    def on_stop(self):
        self.mark(self.items)
        sys.exit(0)


if __name__ == "__main__":
    main(AcknowledgesWhatItFetched)
