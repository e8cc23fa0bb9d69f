"""Opens its circuit breaker in an outage, and never closes it again."""

from sync import Failure, Sync, main


class BreakerStaysOpen(Sync):
    batch = 10
    cap = 0.5
    failures = 0

    def exchange(self, method, path, **options):
        if self.failures >= 3:
            raise Failure("CIRCUIT_OPEN", "Salesforce is not called at present")
        try:
            return super().exchange(method, path, **options)
        except Failure:
            self.failures += 1
            raise

    def is_transient(self, code):
        return code == "CIRCUIT_OPEN" or super().is_transient(code)

    def dead_letter(self, item, code, message, attempts):
        if code != "CIRCUIT_OPEN":  # it was never sent: the next run will take it
            super().dead_letter(item, code, message, attempts)


if __name__ == "__main__":
    main(BreakerStaysOpen)
