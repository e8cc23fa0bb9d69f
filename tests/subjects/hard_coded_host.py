"""Takes the new token of a login, and never looks where the org is."""

from sync import Sync, main


class HardCodedHost(Sync):
    def connect(self, token, instance):
        super().connect(token, self.env["SF_INSTANCE_URL"])


if __name__ == "__main__":
    main(HardCodedHost)
