"""What Salesforce answers, as a table of requests, and the runner that asks an org: the mock, or a real one.

`rows/*.yaml` is the table; `table` reads it, `patterns` compares, `wire` sends, `target` logs in and is careful,
`runner` asks and cleans up, `report` tells.
"""
