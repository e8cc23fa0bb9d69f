"""Standard objects keep their own rules of deletion, over REST."""

from __future__ import annotations

from typing import Any

from tests.conftest import Rest


def create(rest: Rest, sobject: str, **values: Any) -> str:
    answer = rest.post(f"/sobjects/{sobject}", json=values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_contact_with_cases_stays_and_says_why(rest: Rest) -> None:
    contact = create(rest, "Contact", Salutation="Mr.", FirstName="Josh", LastName="Davis")
    case = create(rest, "Case", Subject="s", ContactId=contact)
    number = rest.get(f"/sobjects/Case/{case}?fields=CaseNumber").json()["CaseNumber"]
    answer = rest.delete(f"/sobjects/Contact/{contact}")
    assert answer.status_code == 400
    assert answer.json() == [
        {
            "message": "Your attempt to delete Mr. Josh Davis could not be completed because it is associated with "
            f"the following cases.: {number}\n",
            "errorCode": "DELETE_FAILED",
            "fields": [],
        }
    ]


def test_an_account_takes_contacts_and_open_opportunities_along(rest: Rest) -> None:
    account = create(rest, "Account", Name="Acme")
    create(rest, "Contact", LastName="x", AccountId=account)
    deal = {"Name": "o", "StageName": "Prospecting", "CloseDate": "2026-12-31", "AccountId": account}
    create(rest, "Opportunity", **deal)
    assert rest.delete(f"/sobjects/Account/{account}").status_code == 204
    for sobject in ("Contact", "Opportunity"):
        assert rest.query(f"SELECT COUNT() FROM {sobject}").json()["totalSize"] == 0
        again = rest.get("/queryAll", params={"q": f"SELECT IsDeleted FROM {sobject}"}).json()
        assert [row["IsDeleted"] for row in again["records"]] == [True]
        also = rest.query(f"SELECT IsDeleted FROM {sobject} ALL ROWS").json()
        assert also["totalSize"] == 1


def test_an_account_with_won_opportunities_stays(rest: Rest) -> None:
    account = create(rest, "Account", Name="Acme")
    deal = {"Name": "Big deal", "StageName": "Closed Won", "CloseDate": "2026-12-31", "AccountId": account}
    create(rest, "Opportunity", **deal)
    answer = rest.delete(f"/sobjects/Account/{account}")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "DELETE_FAILED")
    assert "closed won are shown below.: Big deal\n" in answer.json()[0]["message"]
