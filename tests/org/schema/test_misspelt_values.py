"""Values that metadata misspells are told with their line, and never taken for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mock_server.org.schema.errors import SchemaErrors
from tests.org.schema.files import custom_object, load, put, text_field, warnings, xml

SHOP = "objects/Shop__c/Shop__c.object-meta.xml"


def field(name: str) -> str:
    return f"objects/Shop__c/fields/{name}.field-meta.xml"


def picklist(name: str, *values: str, before: str = "", after: str = "") -> str:
    listed = "".join(f"<value><fullName>{value}</fullName></value>" for value in values)
    body = f"<valueSet>{before}<valueSetDefinition>{listed}</valueSetDefinition>{after}</valueSet>"
    return text_field(name, body, "Picklist")


def refusals(folder: Path, files: dict[str, str]) -> list[str]:
    put(folder, {SHOP: custom_object("Shop"), **files})
    with pytest.raises(SchemaErrors) as refused:
        load(folder)
    return [f"{Path(problem.place.file).name}:{str(problem).partition(':')[2]}" for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            text_field("A__c", "<length>9</length>\n<required>yes</required>"),
            "A__c.field-meta.xml:7: <required> is true or false, not 'yes' (allowed: true, false)",
        ),
        (
            text_field("A__c", "<unique>ture</unique>\n<length>9</length>"),
            "A__c.field-meta.xml:6: <unique> is true or false, not 'ture'; did you mean 'true'? (allowed: true, false)",
        ),
        (
            text_field("A__c", "<defaultValue>maybe</defaultValue>", "Checkbox"),
            "A__c.field-meta.xml:6: the default of a checkbox is true or false, not 'maybe' (allowed: true, false)",
        ),
        (
            text_field("A__c", "<displayFormat>A-{QQ}</displayFormat>", "AutoNumber"),
            "A__c.field-meta.xml:6: an auto number is not displayed as 'A-{QQ}'; in braces stand "
            "(allowed: {0}, {YYYY}, {YY}, {MM}, {DD})",
        ),
    ],
)
def test_a_wrong_word_is_refused_in_its_line(tmp_path: Path, file: str, expected: str) -> None:
    (told,) = refusals(tmp_path, {field("A__c"): file})
    assert told == expected


def test_a_misspelt_flag_of_a_permission_set_is_refused(tmp_path: Path) -> None:
    body = "<objectPermissions><object>Account</object>\n<allowRead>tru</allowRead></objectPermissions>"
    (told,) = refusals(tmp_path, {"permissionsets/P.permissionset-meta.xml": xml("PermissionSet", body)})
    assert told.startswith("P.permissionset-meta.xml:4: <allowRead> is true or false, not 'tru'; did you mean 'true'?")


def test_picklists_that_control_each_other_are_told_by_the_other_ones_name(tmp_path: Path) -> None:
    told = refusals(
        tmp_path,
        {
            field("A__c"): picklist("A__c", "a", before="<controllingField>B__c</controllingField>"),
            field("B__c"): picklist("B__c", "b", before="<controllingField>A__c</controllingField>"),
        },
    )
    assert [line.partition(": ")[2] for line in told] == [
        "A__c controls itself, by way of B__c",
        "B__c controls itself, by way of A__c",
    ]


def test_a_value_offered_for_one_that_the_controlling_field_lacks_is_told(tmp_path: Path) -> None:
    setting = "<valueSettings><controllingFieldValue>Germny</controllingFieldValue><valueName>Bonn</valueName>"
    put(
        tmp_path,
        {
            SHOP: custom_object("Shop"),
            field("Country__c"): picklist("Country__c", "Germany", "France"),
            field("City__c"): picklist(
                "City__c",
                "Bonn",
                before="<controllingField>Country__c</controllingField>",
                after=f"{setting}</valueSettings>",
            ),
        },
    )
    (told,) = warnings(load(tmp_path)[1])
    assert told == (
        "City__c.field-meta.xml:2: City__c: 'Bonn' is offered for 'Germny', which Country__c does not have; "
        "did you mean Germany?"
    )


def test_what_is_not_enforced_and_fields_that_are_not_there_are_told(tmp_path: Path) -> None:
    limit = "<lookupFilter><active>true</active><filterItems>"
    limit += "<field>Account.Owner.Name</field><operation>equals</operation>"
    lookup = f"<referenceTo>Account</referenceTo>\n{limit}<value>a</value></filterItems></lookupFilter>"
    rule = "<errorConditionFormula>FALSE</errorConditionFormula><errorMessage>m</errorMessage>"
    put(
        tmp_path,
        {
            SHOP: custom_object("Shop"),
            field("Account__c"): text_field("Account__c", lookup, "Lookup"),
            "objects/Shop__c/validationRules/R.validationRule-meta.xml": xml(
                "ValidationRule", f"<active>true</active>{rule}\n<errorDisplayField>Acount__c</errorDisplayField>"
            ),
        },
    )
    found = load(tmp_path)[1]
    assert warnings(found) == [
        "R.validationRule-meta.xml:4: the error of rule R is shown at the top: there is no field Acount__c; "
        "did you mean Account__c?",
        "Account__c.field-meta.xml:7: this lookup filter is not enforced: Owner.Name equals a asks for more than the "
        "record's own fields",
    ]


def test_a_kind_of_event_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    body = "<label>E</label>\n<eventType>HighVolum</eventType>"
    told = refusals(tmp_path, {"objects/E__e/E__e.object-meta.xml": xml("CustomObject", body)})
    assert told == [
        "E__e.object-meta.xml:4: there is no event setting 'HighVolum'; did you mean 'HighVolume'? "
        "(allowed: HighVolume, StandardVolume)"
    ]
