"""Delivers by composite requests, 25 records a call: correct as it stands."""

from sync import Failure, Sync, main


class Composite(Sync):
    batch = 25
    all_or_none = False

    def send(self, sobject, key_field, items):
        requests = [self.upsert(sobject, key_field, item, f"r{place}") for place, item in enumerate(items)]
        body = {"allOrNone": self.all_or_none, "compositeRequest": requests}
        answers = self.call("POST", "composite", json=body)["compositeResponse"]
        if answers[0]["referenceId"] is None:
            raise Failure(answers[0]["body"][0]["errorCode"], answers[0]["body"][0]["message"])
        return [result_of([answer]) for answer in answers]

    def upsert(self, sobject, key_field, item, reference):
        path = f"/services/data/v{self.env['SF_API_VERSION']}/sobjects/{sobject}"
        url = f"{path}/{key_field}/{item['key']}"
        record = {name: value for name, value in item["record"].items() if name != key_field}
        return {"method": "PATCH", "url": url, "referenceId": reference, "body": record}


def result_of(answers):
    """Return what became of a record in the form of a collection: the first error that is its own."""
    bodies = [answer["body"] for answer in answers if answer["httpStatusCode"] >= 400]
    errors = [
        {"statusCode": body[0]["errorCode"], "message": body[0]["message"]}
        if isinstance(body, list)
        else {"statusCode": "SERVER_UNAVAILABLE", "message": str(body)[:200]}
        for body in bodies
    ]
    errors.sort(key=lambda error: error["statusCode"] == "PROCESSING_HALTED")
    return {"success": not errors, "errors": errors[:1]}


if __name__ == "__main__":
    main(Composite)
