"""Delivers by composite graphs: a record and what is said of it afterwards, all or none. Correct as it stands."""

from by_composite import Composite, result_of
from sync import main


class Graphs(Composite):
    batch = 75

    def send(self, sobject, key_field, items):
        graphs = []
        for place, item in enumerate(items):
            first = self.upsert(sobject, key_field, item, "made")
            path = first["url"].rpartition(f"/{key_field}/")[0]
            then = {"Description": "known as @{made.id}"}
            second = {"method": "PATCH", "url": f"{path}/@{{made.id}}", "referenceId": "said", "body": then}
            graphs.append({"graphId": f"g{place}", "compositeRequest": [first, second]})
        answer = self.call("POST", "composite/graph", json={"graphs": graphs})
        return [result_of(graph["graphResponse"]["compositeResponse"]) for graph in answer["graphs"]]


if __name__ == "__main__":
    main(Graphs)
