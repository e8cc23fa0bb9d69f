"""Where files of metadata may stand, in which format, and what is said of those that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mock_server.org.schema.errors import SchemaErrors
from tests.org.schema.files import custom_object, load, put, text_field, warnings, xml, zipped

SHOP = "objects/Shop__c/Shop__c.object-meta.xml"
SIZE = "objects/Shop__c/fields/Size__c.field-meta.xml"


def project(*packages: str, **more: object) -> str:
    return json.dumps({"packageDirectories": [{"path": path} for path in packages], **more})


def refusals(path: Path) -> list[str]:
    with pytest.raises(SchemaErrors) as refused:
        load(path)
    return str(refused.value).replace(f"{path}/", "").replace(str(path), "").splitlines()


def test_packages_lie_on_top_of_each_other(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "sfdx-project.json": project("base", "more"),
            f"base/main/default/{SHOP}": custom_object("Shop"),
            f"base/main/default/{SIZE}": text_field("Size__c"),
            f"more/deep/er/{SIZE}": text_field("Size__c", "<length>99</length>"),
            "more/objects/Shop__c/fields/City__c.field-meta.xml": text_field("City__c"),
            "unlisted/objects/Shop__c/fields/Not__c.field-meta.xml": text_field("Not__c"),
        },
    )
    schema, _ = load(tmp_path)
    shop = schema.get("Shop__c")
    assert shop is not None
    assert {one.name: one.length for one in shop.fields if one.custom} == {"Size__c": 99, "City__c": 20}


@pytest.mark.parametrize("below", ["", "force-app", "force-app/main", "force-app/main/default/objects"])
def test_any_folder_of_a_project_is_a_source(tmp_path: Path, below: str) -> None:
    put(
        tmp_path,
        {
            "sfdx-project.json": project("force-app", namespace="acme"),
            f"force-app/main/default/{SHOP}": custom_object("Shop"),
            f"force-app/main/default/{SIZE}": text_field("Size__c"),
        },
    )
    schema, _ = load(tmp_path / below)
    shop = schema.get("acme__Shop__c")
    assert shop is not None
    assert "acme__Size__c" in shop.by_name


def test_a_namespace_is_put_before_custom_names_wherever_they_stand(tmp_path: Path) -> None:
    rule = "<active>true</active><errorConditionFormula>Size__c = &quot;Size__c&quot;</errorConditionFormula>"
    put(
        tmp_path,
        {
            "sfdx-project.json": project("src", namespace="acme"),
            f"src/{SHOP}": custom_object("Shop"),
            f"src/{SIZE}": text_field("Size__c"),
            "src/objects/Shop__c/validationRules/R.validationRule-meta.xml": xml(
                "ValidationRule", f"<fullName>R</fullName>{rule}<errorMessage>no</errorMessage>"
            ),
            "src/objects/Contact/fields/Shop__c.field-meta.xml": text_field(
                "Shop__c", "<referenceTo>Shop__c</referenceTo><relationshipName>Buyers</relationshipName>", "Lookup"
            ),
        },
    )
    schema, _ = load(tmp_path)
    shop, contact = schema.get("acme__Shop__c"), schema.get("Contact")
    assert shop is not None and contact is not None
    assert contact.by_name["acme__Shop__c"].reference_to == ("acme__Shop__c",)
    assert contact.by_name["acme__Shop__c"].relationship_name == "acme__Shop__r"
    assert shop.child("acme__Buyers__r") is not None
    assert shop.validation_rules[0].condition == 'acme__Size__c = "Size__c"'


METADATA_FORMAT = {
    "package.xml": xml("Package", "<version>64.0</version>"),
    "objects/Shop__c.object": custom_object(
        "Shop",
        "<fields><fullName>Size__c</fullName><label>Size</label><length>20</length><type>Text</type></fields>"
        "<recordTypes><fullName>Big</fullName><active>true</active><label>Big</label></recordTypes>"
        "<validationRules><fullName>Sized</fullName><active>true</active>"
        "<errorConditionFormula>ISBLANK(Size__c)</errorConditionFormula><errorMessage>no size</errorMessage>"
        "</validationRules><listViews><fullName>All</fullName></listViews>",
    ),
    "objects/Account.object": xml(
        "CustomObject",
        "<fields><fullName>Tier__c</fullName><label>Tier</label><type>Picklist</type><picklist>"
        "<controllingField>Vip__c</controllingField>"
        "<picklistValues><fullName>Gold</fullName><default>true</default>"
        "<controllingFieldValues>checked</controllingFieldValues></picklistValues>"
        "<picklistValues><fullName>Tin</fullName><default>false</default></picklistValues><sorted>false</sorted>"
        "</picklist></fields><fields><fullName>Vip__c</fullName><label>Vip</label><defaultValue>false</defaultValue>"
        "<type>Checkbox</type></fields>",
    ),
    "customMetadata/Fare.A.md": xml("CustomMetadata", "<label>A</label><protected>false</protected>"),
    "objects/Fare__mdt.object": xml("CustomObject", "<label>Fare</label><pluralLabel>Fares</pluralLabel>"),
}


@pytest.mark.parametrize("form", ["folder", "zip", "zip below a folder"])
def test_metadata_format_is_read_from_folders_and_zips(tmp_path: Path, form: str) -> None:
    below = "unpackaged/" if form.endswith("folder") else ""
    files = {f"{below}{name}": content for name, content in METADATA_FORMAT.items()}
    schema, _ = load(put(tmp_path / "src", files) if form == "folder" else zipped(tmp_path / "src.zip", files))
    shop, account = schema.get("Shop__c"), schema.get("Account")
    assert shop is not None and account is not None
    assert shop.by_name["Size__c"].length == 20
    assert [one.name for one in shop.record_types] == ["Big"]
    assert [one.name for one in shop.validation_rules] == ["Sized"]
    tier = account.by_name["Tier__c"]
    assert (tier.controller, tier.default) == ("Vip__c", "Gold")
    assert [(value.value, value.valid_for) for value in tier.picklist] == [("Gold", ("checked",)), ("Tin", ())]
    assert schema.records["Fare__mdt"][0]["DeveloperName"] == "A"


def test_a_zip_of_a_project_is_read_too(tmp_path: Path) -> None:
    files = {f"force-app/main/default/{SHOP}": custom_object("Shop"), f"../../../{SIZE}": text_field("Size__c")}
    schema, _ = load(zipped(tmp_path / "project.zip", files))
    shop = schema.get("Shop__c")
    assert shop is not None and "Size__c" in shop.by_name
    assert [path.name for path in tmp_path.iterdir()] == ["project.zip"], "nothing is unpacked"


def test_fields_of_activity_are_fields_of_tasks_and_events(tmp_path: Path) -> None:
    schema, _ = load(put(tmp_path, {"objects/Activity/fields/Room__c.field-meta.xml": text_field("Room__c")}))
    for name in ("Task", "Event"):
        found = schema.get(name)
        assert found is not None and "Room__c" in found.by_name


def test_forceignore_leaves_files_out(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "sfdx-project.json": project("src"),
            ".forceignore": "# big\n**/Log__b/**\n*Draft*\n!Keep_Draft__c*\n",
            "src/objects/Log__b/Log__b.object-meta.xml": custom_object("Log"),
            f"src/{SHOP}": custom_object("Shop"),
            "src/objects/Shop__c/fields/Draft__c.field-meta.xml": text_field("Draft__c"),
            "src/objects/Shop__c/fields/Keep_Draft__c.field-meta.xml": text_field("Keep_Draft__c"),
        },
    )
    schema, _ = load(tmp_path)
    shop = schema.get("Shop__c")
    assert shop is not None
    assert [one.name for one in shop.fields if one.custom] == ["Keep_Draft__c"]


def test_what_is_not_known_is_a_warning_with_its_line(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            SHOP: custom_object("Shop", "<enableSpeech>true</enableSpeech>"),
            SIZE: text_field("Size__c", "<length>20</length>\n<lenght>30</lenght>"),
            "objects/Vehicle/fields/Size__c.field-meta.xml": text_field("Size__c"),
            "objects/npsp__Gift__c/fields/Size__c.field-meta.xml": text_field("Size__c"),
            "objects/Account/fields/Nonesuch.field-meta.xml": xml("CustomField", "<fullName>Nonesuch</fullName>"),
            "objects/Shop__c/fields/Gift__c.field-meta.xml": text_field(
                "Gift__c", "<referenceTo>npsp__Gift__c</referenceTo>", "Lookup"
            ),
        },
    )
    schema, found = load(tmp_path)
    told = "\n".join(warnings(found))
    for text in (
        "Shop__c.object-meta.xml:5: CustomObject has no element <enableSpeech>; it is left out",
        "Size__c.field-meta.xml:7: CustomField has no element <lenght>; it is left out; did you mean length?",
        "there is no standard object 'Vehicle' here",
        "npsp__Gift__c belongs to a package",
        "Account has no field 'Nonesuch' here",
        "Gift__c is left out: no source has what it leads to",
    ):
        assert text in told
    shop = schema.get("Shop__c")
    assert shop is not None and [one.name for one in shop.fields if one.custom] == ["Size__c"]


LINK = "<referenceTo>{}</referenceTo><relationshipName>{}</relationshipName>"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({SIZE: ""}, f"{SIZE}:1: the file is empty"),
        ({SIZE: b"\x00\xff\x01junk"}, f"{SIZE}:1: not well-formed XML"),
        ({SIZE: text_field("Size__c")[:-9]}, f"{SIZE}:7: not well-formed XML"),
        ({SIZE: '<!DOCTYPE x [<!ENTITY a "b">]>' + "<x>&a;</x>"}, f"{SIZE}:1: a DTD or an entity stands here"),
        ({SIZE: "<a>" * 5000}, f"{SIZE}:1: elements are nested more than 100 deep"),
        ({SIZE: xml("CustomObject", "")}, f"{SIZE}:2: a .field file holds <CustomField>, not <CustomObject>"),
        ({SIZE: text_field("Size__c", kind="Txt")}, f"{SIZE}:5: there is no field type 'Txt'; did you mean 'Text'?"),
        ({SIZE: text_field("Size__c", "<length>x</length>")}, f"{SIZE}:6: <length> must be a whole number, not 'x'"),
        ({SIZE: text_field("Size__c", "<length>256</length>")}, f"{SIZE}:6: a whole number from 1 to 255"),
        ({SIZE: text_field("x" * 5000 + "__c")}, f"{SIZE}:2: a custom field's name starts with a letter"),
        ({SIZE: text_field("Size__c", LINK.format("Shopp__c", "R"), "Lookup")}, f"{SIZE}:6: there is no object 'Shopp__c'; did you mean 'Shop__c'?"),
        ({SIZE: text_field("Size__c", "<valueSet><valueSetName>Nope</valueSetName></valueSet>", "Picklist")}, f"{SIZE}:6: there is no value set 'Nope'"),
        (
            {SIZE: text_field("Size__c", "<valueSet><controllingField>Siz__c</controllingField></valueSet>", "Picklist")},
            f"{SIZE}:6: there is no controlling field 'Siz__c'",
        ),
        (
            {SIZE: text_field("Size__c", "<valueSet><controllingField>Size__c</controllingField></valueSet>", "Picklist")},
            f"{SIZE}:6: Size__c controls itself",
        ),
        ({SIZE: text_field("Size__c", LINK.format("Shop__c", "Shops"), "MasterDetail")}, f"{SIZE}:2: master-detail fields run in a circle: Shop__c -> Shop__c"),
        (
            {SIZE: text_field("Size__c", "<summaryForeignKey>Line__c.Shop__c</summaryForeignKey>\n<summaryOperation>count</summaryOperation>", "Summary")},
            f"{SIZE}:6: there is no object 'Line__c'",
        ),
        (
            {SIZE: text_field("Size__c", "<summaryForeignKey>Contact.AccountId</summaryForeignKey>\n<summaryOperation>count</summaryOperation>", "Summary")},
            f"{SIZE}:6: Contact.AccountId does not lead to Shop__c",
        ),
        ({"objects/Log__b/Log__b.object-meta.xml": custom_object("Log")}, "objects/Log__b/Log__b.object-meta.xml:2: big objects (__b) are not supported"),
        ({"objects/Sop__c/fields/A__c.field-meta.xml": text_field("A__c")}, "there is no object 'Sop__c'; did you mean 'Shop__c'?"),
        ({"customMetadata/Fee.A.md-meta.xml": xml("CustomMetadata", "<label>A</label>")}, "customMetadata/Fee.A.md-meta.xml:2: there is no object 'Fee__mdt'"),
        ({"fields/Loose__c.field-meta.xml": text_field("Loose__c"), "sfdx-project.json": "{"}, "sfdx-project.json:1: not valid JSON"),
        ({"sfdx-project.json": project("nowhere")}, "sfdx-project.json:1: packageDirectories names 'nowhere', and there is no such folder"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_broken_is_an_error_with_file_and_line(tmp_path: Path, files: dict[str, str], message: str) -> None:
    put(tmp_path, {SHOP: custom_object("Shop"), SIZE: text_field("Size__c"), **files})
    told = refusals(tmp_path)
    assert any(line.startswith(message) or message in line for line in told), told


def test_all_mistakes_are_told_at_once_and_none_twice(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            SHOP: custom_object("Shop")[:-4],
            SIZE: text_field("Size__c", kind="Txt"),
            "objects/Contact/fields/Shop__c.field-meta.xml": text_field(
                "Shop__c", LINK.format("Shop__c", "R"), "Lookup"
            ),
        },
    )
    told = refusals(tmp_path)
    assert len(told) == 2, told
    assert "Shop__c.object-meta.xml" in told[0] and "Txt" in told[1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.zip", b"PK\x03\x04 nothing", "this is no zip file"),
        ("empty.zip", b"", "this is no zip file"),
    ],
)
def test_a_zip_that_is_none(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SchemaErrors, match=message):
        load(tmp_path / name)


def test_a_zip_that_swells_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "bomb.zip", {"objects/A__c.object": b"<a>" + b" " * 30_000_000})
    with pytest.raises(SchemaErrors, match="larger than 20 MB"):
        load(file)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    import os

    put(tmp_path, {SHOP: custom_object("Shop")})
    (tmp_path / "objects/Shop__c/fields").mkdir()
    os.mkfifo(tmp_path / SIZE)
    assert "no regular file" in refusals(tmp_path)[0]
