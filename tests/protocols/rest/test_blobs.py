"""Files: in parts, in base64, and back again."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server import api
from mock_server.multipart import Malformed, Part, parts
from tests.conftest import Rest

KIND = 'multipart/form-data; boundary="cut"'
FILE = b"\x00\xff\r\n--cut-not\r\n\n\r--cut\x01\xfe"


def entity(values: dict[str, object], head: str = 'name="entity_document"', kind: str = "application/json") -> bytes:
    return f"--cut\r\nContent-Disposition: form-data; {head}\r\nContent-Type: {kind}\r\n\r\n{json.dumps(values)}\r\n".encode()


def file(content: bytes = FILE, head: str = 'name="Body"; filename="a.pdf"') -> bytes:
    return (
        b"--cut\r\nContent-Type: application/pdf\r\nContent-Disposition: form-data; "
        + head.encode()
        + b"\r\n\r\n"
        + content
        + b"\r\n"
    )


@pytest.fixture
def parent(rest: Rest) -> str:
    return str(rest.post("/sobjects/Account", json={"Name": "x"}).json()["id"])


def test_a_file_goes_and_comes_byte_for_byte(rest: Rest, parent: str) -> None:
    body = entity({"Name": "a.pdf", "ParentId": parent, "ContentType": "application/pdf"}) + file() + b"--cut--\r\n"
    made = rest.post("/sobjects/Attachment", data=body, headers={"Content-Type": KIND})
    assert made.status_code == 201, made.text
    path = f"/sobjects/Attachment/{made.json()['id']}"
    assert rest.get(f"{path}/Body").content == FILE
    head = rest("HEAD", f"{path}/Body")
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(FILE)))
    assert rest.get(path).json()["BodyLength"] == len(FILE)
    changed = entity({"Name": "b.pdf"}) + file(b"new") + b"--cut--"
    assert rest.patch(path, data=changed, headers={"Content-Type": KIND}).status_code == 204
    assert rest.get(f"{path}/body").content == b"new"
    record = rest.get(path).json()
    assert (record["Name"], record["BodyLength"]) == ("b.pdf", 3)


def test_a_version_of_a_document(rest: Rest) -> None:
    body = entity({"PathOnClient": "../../etc/passwd"}, 'name="entity_content"') + file(
        head='name="VersionData"; filename="../../x"'
    )
    made = rest.post("/sobjects/ContentVersion", data=body + b"--cut--", headers={"Content-Type": KIND})
    assert made.status_code == 201, made.text
    path = f"/sobjects/ContentVersion/{made.json()['id']}"
    version = rest.get(path).json()
    assert (version["Title"], version["ContentSize"]) == ("passwd", len(FILE))
    assert rest.get(version["VersionData"]).content == FILE
    assert rest.get(f"{path}/ContentDocument").json()["LatestPublishedVersionId"] == made.json()["id"]


def test_the_record_may_be_xml(rest: Rest, parent: str) -> None:
    xml = f"<Attachment><Name>x</Name><ParentId>{parent}</ParentId></Attachment>"
    head = b'--cut\r\nContent-Disposition: form-data; name="e"\r\nContent-Type: application/xml\r\n\r\n'
    body = head + xml.encode() + b"\r\n" + file() + b"--cut--"
    assert rest.post("/sobjects/Attachment", data=body, headers={"Content-Type": KIND}).status_code == 201


def test_base64_does_as_well(rest: Rest, parent: str) -> None:
    values = {"Name": "x", "ParentId": parent, "Body": b64encode(FILE).decode()}
    made = rest.post("/sobjects/Attachment", json=values).json()["id"]
    assert rest.get(f"/sobjects/Attachment/{made}/Body").content == FILE
    values["Body"] = "?"
    assert rest.post("/sobjects/Attachment", json=values).json()[0]["errorCode"] == "JSON_PARSER_ERROR"


def test_many_records_with_their_files(rest: Rest, parent: str) -> None:
    records = [
        {
            "attributes": {"type": "Attachment", "binaryPartName": f"p{n}", "binaryPartNameAlias": "Body"},
            "Name": f"{n}.txt",
            "ParentId": parent,
        }
        for n in range(3)
    ]
    files = b"".join(file(b"content %d" % n, f'name="p{n}"; filename="{n}"') for n in range(3))
    body = entity({"allOrNone": True, "records": records}, 'name="collection"') + files + b"--cut--"
    made = rest.post("/composite/sobjects", data=body, headers={"Content-Type": KIND})
    assert made.status_code == 200, made.text
    for number, one in enumerate(made.json()):
        assert rest.get(f"/sobjects/Attachment/{one['id']}/Body").content == b"content %d" % number
    records[1]["attributes"]["binaryPartName"] = "elsewhere"  # type: ignore[index]
    body = entity({"records": records}, 'name="collection"') + files + b"--cut--"
    answer = rest.post("/composite/sobjects", data=body, headers={"Content-Type": KIND})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_MULTIPART_REQUEST")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--cut--"),
        ("multipart/form-data; boundary=", b"--cut--"),
        ("multipart/form-data; boundary=" + "x" * 500, b"--cut--"),
        (KIND, b""),
        (KIND, b"--cut"),
        (KIND, b"--cut--"),
        (KIND, b"--cut\r\n"),
        (KIND, b"--cut\r\n\r\n--cut--"),
        (KIND, entity({"Name": "x"})),
        (KIND, entity({"Name": "x"}) + b"--cutx--"),
        (KIND, entity({"Name": "x"}) + b"--cut junk\r\n\r\n--cut--"),
        (KIND, file() + b"--cut--"),
        (KIND, entity({"Name": "x"}, kind="text/plain") + file() + b"--cut--"),
        (KIND, entity({"Name": "x"}) + file(head='name="Other"; filename="x"') + b"--cut--"),
        (KIND, entity({"Name": "x"}) + file(head="") + b"--cut--"),
        (KIND, b"--cut\r\nX: " + b"y" * 20_000 + b"\r\n\r\n\r\n--cut--"),
        (KIND, (entity({}) * 300) + b"--cut--"),
        (KIND, b"--cut\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nx\r\n--in--\r\n--cut--"),
        (KIND, entity({"Name": "x"}) + b"--cut\r\nContent-Disposition: form-data; name=Body\r\nContent-Transfer-Encoding: base64\r\n\r\n?\r\n--cut--"),
    ],
)  # fmt: skip
def test_parts_that_are_none(rest: Rest, kind: str, body: bytes) -> None:
    answer = rest.post("/sobjects/Attachment", data=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_MULTIPART_REQUEST")


def test_a_part_that_is_no_json(rest: Rest) -> None:
    for text in (b"{", b"[]", b"\xff"):
        body = b"--cut\r\nContent-Type: application/json\r\n\r\n" + text + b"\r\n--cut--"
        answer = rest.post("/sobjects/Attachment", data=body, headers={"Content-Type": KIND})
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_line_feeds_alone_end_lines_too(rest: Rest, parent: str) -> None:
    body = (entity({"Name": "x", "ParentId": parent}) + file(b"hello")).replace(b"\r\n", b"\n") + b"--cut--\n"
    made = rest.post("/sobjects/Attachment", data=body, headers={"Content-Type": KIND})
    assert rest.get(f"/sobjects/Attachment/{made.json()['id']}/Body").content == b"hello"


def test_an_object_without_files_takes_no_parts(rest: Rest) -> None:
    answer = rest.post("/sobjects/Account", data=entity({"Name": "x"}) + b"--cut--", headers={"Content-Type": KIND})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "path",
    [
        "Attachment/{id}/VersionData",
        "Attachment/x/Body",
        "Account/{parent}/Body",
        "Attachment/00P000000000001/Body",
        "Attachment/{id}/Body/Body",
        "Attachment/%2e%2e%2f%2e%2e/Body",
    ],
)
def test_files_that_are_not_there(rest: Rest, parent: str, path: str) -> None:
    body = entity({"Name": "x", "ParentId": parent}) + file() + b"--cut--"
    made = rest.post("/sobjects/Attachment", data=body, headers={"Content-Type": KIND}).json()["id"]
    assert rest.get(f"/sobjects/{path.format(id=made, parent=parent)}").status_code == 404


def test_files_of_others_are_not_seen(server: api.Server, rest: Rest, parent: str) -> None:
    body = entity({"Name": "x", "ParentId": parent}) + file() + b"--cut--"
    made = rest.post("/sobjects/Attachment", data=body, headers={"Content-Type": KIND}).json()["id"]
    user = server.control.for_org(rest.org.id).create_user({"objects": {"Contact": "read"}})
    narrow = Rest(server.url, user.access_token, user)
    assert narrow.get(f"/sobjects/Attachment/{made}/Body").status_code == 404


def test_a_body_over_the_limit_is_refused(rest: Rest) -> None:
    answer = rest.post("/sobjects/Attachment", data=b" " * 53_000_000, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (413, "REQUEST_ENTITY_TOO_LARGE")


@given(st.lists(st.tuples(st.text("abcXYZ_0", min_size=1, max_size=9), st.binary(max_size=200)), max_size=5))
def test_what_is_put_together_comes_apart(given_parts: list[tuple[str, bytes]]) -> None:
    body = b"".join(
        b'--frontier77\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), content)
        for name, content in given_parts
    )
    found = parts("multipart/form-data; boundary=frontier77", body + b"--frontier77--")
    assert found == [Part(name, None, "", content) for name, content in given_parts]


@given(st.binary(max_size=300), st.sampled_from([b"--b", b"--b\r\n", b"\r\n--b--", b""]))
def test_whatever_comes_is_parts_or_malformed(noise: bytes, around: bytes) -> None:
    try:
        found = parts("multipart/form-data; boundary=b", around + noise + b"\r\n--b--")
    except Malformed:
        return
    assert all(isinstance(part, Part) for part in found)
