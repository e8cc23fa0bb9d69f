"""The actions that every org has, as far as they can be done here: a post, a mail that is kept, a submission.

Source: Actions Developer Guide: Post to Chatter, Send Email, Submit for Approval.
"""

from __future__ import annotations

import re
from typing import Any

from mock_server.org.apex.actions import Action, ActionError, Invocation, Parameter
from mock_server.org.automation.execution import DmlError
from mock_server.org.clock import stamp
from mock_server.org.ids import to_18
from mock_server.org.query.literals import escaped

_ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
_MOST_ADDRESSES = 5


def _insert(call: Invocation, sobject: str, values: dict[str, Any]) -> str:
    """Save a record; the first error of its row is that of the input."""
    try:
        (made,) = call.org.insert(sobject, values)
    except DmlError as failed:
        first = next(found for found in failed.errors if found)[0]
        raise ActionError(first.code, first.message, first.fields or ()) from None
    assert made.id is not None
    return made.id


def _post(call: Invocation) -> dict[str, Any]:
    """Write a feed item at a record, or at the user or group of a name."""
    wanted = str(call.inputs["subjectNameOrId"])
    kind = str(call.inputs["type"] or "").lower()
    parent = to_18(wanted)
    if parent is None:
        group = kind == "group"
        sobject, column = ("CollaborationGroup", "Name") if group else ("User", "Username")
        found = call.org.query(f"SELECT Id FROM {sobject} WHERE {column} = '{escaped(wanted)}' LIMIT 1")  # noqa: S608
        if not found:
            raise ActionError("INVALID_API_INPUT", f"Invalid subjectNameOrId: {wanted}")
        parent = found[0]["Id"]
    body = {"ParentId": parent, "Body": str(call.inputs["text"]), "Type": "TextPost"}
    return {"feedItemId": _insert(call, "FeedItem", body)}


def _mail(call: Invocation) -> None:
    """Keep a mail as a sent EmailMessage: nothing is delivered."""
    given = call.inputs
    listed = [one.strip() for one in str(given["emailAddresses"] or "").split(",") if one.strip()]
    listed += [str(one) for one in given["emailAddressesArray"] or ()]
    if not listed:
        raise ActionError("INVALID_API_INPUT", "Missing required input parameter: emailAddresses")
    if len(listed) > _MOST_ADDRESSES:
        raise ActionError("LIMIT_EXCEEDED", f"The maximum number of email addresses is {_MOST_ADDRESSES}")
    for one in listed:
        if not _ADDRESS.fullmatch(one):
            raise ActionError("INVALID_EMAIL_ADDRESS", f"Invalid email address: {one}")
    assert call.platform is not None
    sender = call.platform.directory.by_id(call.user_id)
    values: dict[str, Any] = {
        "ToAddress": ";".join(listed),
        "FromAddress": given["senderAddress"] or (sender.email if sender else None),
        "Subject": str(given["emailSubject"]),
        "HtmlBody" if given["sendRichBody"] else "TextBody": str(given["emailBody"]),
        "Incoming": False,
        "Status": "3",
        "MessageDate": stamp(call.platform.clock.now()),
    }
    if given["relatedRecordId"]:
        values["RelatedToId"] = given["relatedRecordId"]
    _insert(call, "EmailMessage", values)


def _submit(call: Invocation) -> dict[str, Any]:
    """Submit a record for approval. Raises the error of the process."""
    from mock_server.org.approvals.acting import Wish, act

    assert call.platform is not None
    assert call.session is not None
    given = call.inputs
    acted = act(
        call.platform,
        call.session,
        call.org,
        Wish(
            "Submit",
            given["objectId"],
            given["submitterId"],
            given["comment"],
            given["nextApproverIds"],
            given["processDefinitionNameOrId"],
            bool(given["skipEntryCriteria"]),
        ),
    )
    return {
        "instanceId": acted.instance,
        "instanceStatus": acted.status,
        "newWorkItemIds": list(acted.items),
        "actorIds": list(acted.actors),
        "entityId": acted.entity,
    }


STANDARD: tuple[Action, ...] = (
    Action(
        "chatterPost",
        "CHATTERPOST",
        _post,
        "Post to Chatter",
        "Post to the feed of a record, user or group.",
        (
            Parameter("text", required=True, label="Message", description="The body of the post."),
            Parameter(
                "subjectNameOrId", required=True, label="Target Name or ID", description="A record, user or group."
            ),
            Parameter("type", label="Target Type", description="User or Group, where the target is named."),
        ),
        (Parameter("feedItemId", "ID", label="Feed Item ID", description="The post that was made."),),
    ),
    Action(
        "emailSimple",
        "EMAILSIMPLE",
        _mail,
        "Send Email",
        "Send an email of a subject and a body of your own.",
        (
            Parameter("emailAddresses", label="Email Addresses (comma-separated)", description="The recipients."),
            Parameter(
                "emailAddressesArray",
                most=_MOST_ADDRESSES,
                label="Email Addresses (collection)",
                description="The recipients, as a list.",
            ),
            Parameter("senderAddress", label="Sender Address", description="Whom the email is from."),
            Parameter("emailSubject", required=True, label="Subject", description="The subject."),
            Parameter("emailBody", "TEXTAREA", required=True, label="Body", description="The body."),
            Parameter("sendRichBody", "BOOLEAN", label="Rich-Text-Formatted Body", description="The body is HTML."),
            Parameter("relatedRecordId", "ID", label="Related Record ID", description="What the email is about."),
        ),
    ),
    Action(
        "submit",
        "SUBMITAPPROVAL",
        _submit,
        "Submit for Approval",
        "Submit a record for approval.",
        (
            Parameter("objectId", "ID", required=True, label="Record ID", description="The record to submit."),
            Parameter("nextApproverIds", "ID", most=100, label="Next Approver IDs", description="Who is asked first."),
            Parameter("comment", "TEXTAREA", label="Submission Comments", description="What is said about it."),
            Parameter("submitterId", "ID", label="Submitter ID", description="Who submits; the caller by default."),
            Parameter(
                "processDefinitionNameOrId",
                label="Approval Process Name or ID",
                description="The process, where not the first that applies.",
            ),
            Parameter(
                "skipEntryCriteria",
                "BOOLEAN",
                label="Skip Entry Criteria",
                description="Whether a named process asks no criteria.",
            ),
        ),
        (
            Parameter("instanceId", "ID", label="Instance ID", description="The process instance."),
            Parameter("instanceStatus", label="Instance Status", description="How it stands."),
            Parameter("newWorkItemIds", "ID", most=100, label="New Work Item IDs", description="Whom it waits for."),
            Parameter("actorIds", "ID", most=100, label="Actor IDs", description="Who is asked."),
            Parameter("entityId", "ID", label="Entity ID", description="The record."),
        ),
        system=True,
    ),
)


def find(name: str) -> Action | None:
    return next((one for one in STANDARD if one.name.lower() == name.lower()), None)
