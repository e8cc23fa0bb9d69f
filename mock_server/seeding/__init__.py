"""What an org holds from the start: records that are made up by Faker, or read from files."""
