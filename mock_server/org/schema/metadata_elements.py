"""The elements that metadata files may hold: those that are read, and those that say nothing about how an org answers.

Source: Metadata API Developer Guide, "CustomObject", "CustomField" and the types inside them.
"""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.org.schema.errors import close
from mock_server.org.schema.xml_tree import Element


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS: dict[str, frozenset[str]] = {
    "CustomField": _words(
        """
fullName type label length precision scale required unique externalId caseSensitive defaultValue
inlineHelpText formula formulaTreatBlanksAs referenceTo relationshipName relationshipLabel relationshipOrder
deleteConstraint lookupFilter maskChar maskType valueSet picklist summarizedField summaryFilterItems
summaryForeignKey summaryOperation displayFormat displayLocationInDecimal visibleLines
reparentableMasterDetail writeRequiresMasterRead aiPredictionField businessOwnerGroup businessOwnerUser
businessStatus complianceGroup customDataType deprecated description encrypted encryptionScheme escapeMarkup
externalDeveloperName fieldManageability indexed isAIPredictionField isConvertLeadDisabled isFilteringDisabled
isNameField isSortingDisabled maskFormat metadataRelationshipControllingField mktDataLakeFieldAttributes
mktDataModelFieldAttributes populateExistingRows referenceTargetField securityClassification startingNumber
stripMarkup trackFeedHistory trackHistory trackTrending translateData trueValueIndexPosition fieldProperty
globalPicklist externalRelationshipLabel
"""
    ),
    "CustomObject": _words(
        """
fullName label pluralLabel nameField sharingModel enableFeeds enableHistory enableActivities enableSearch
customSettingsType eventType publishBehavior fields recordTypes validationRules compactLayouts actionOverrides
allowInChatterGroups articleTypeChannelDisplay businessProcesses compactLayoutAssignment customHelp
customHelpPage dataStreamConfigurations deploymentStatus deprecated description enableBulkApi
enableChangeDataCapture enableDataTranslation enableDivisions enableEnhancedLookup enableLicensing
enablePublicSpaces enableReports enableSharing enableStreamingApi externalDataSource externalName
externalRepository externalSharingModel fieldSets gender hasPreventedOrphans historyRetentionPolicy household
indexes isHistoryTrackingEnabled listViews namedFilters profileSearchLayouts recordTypeTrackFeedHistory
recordTypeTrackHistory searchLayouts sharingReasons sharingRecalculations startsWith visibility webLinks
mktDataLakeAttributes mktDataModelAttributes isProtected
"""
    ),
    "ValidationRule": _words(
        """
fullName active description errorConditionFormula errorDisplayField errorMessage shouldEvaluateOnClient
"""
    ),
    "RecordType": _words(
        """
fullName active businessProcess compactLayoutAssignment description label picklistValues
"""
    ),
    "CompactLayout": _words(
        """
fullName fields label
"""
    ),
    "GlobalValueSet": _words(
        """
fullName customValue description masterLabel sorted
"""
    ),
    "StandardValueSet": _words(
        """
fullName standardValue sorted groupingStringEnum
"""
    ),
    "CustomMetadata": _words(
        """
fullName description label protected values
"""
    ),
    "PlatformEventChannel": _words(
        """
fullName channelType eventType label
"""
    ),
    "PlatformEventChannelMember": _words(
        """
fullName enrichedFields eventChannel filterExpression selectedEntity
"""
    ),
    "DuplicateRule": _words(
        """
fullName actionOnInsert actionOnUpdate alertText description duplicateRuleFilter duplicateRuleMatchRules isActive
masterLabel operationsOnInsert operationsOnUpdate securityOption sortOrder
"""
    ),
    "QuickAction": _words(
        """
fullName actionSubtype canvas description fieldOverrides flowDefinition height icon isProtected label lightningComponent
lightningWebComponent mobExtDisplayMode optionsCreateFeedItem page quickActionLayout quickActionSendEmailOptions
standardLabel successMessage targetObject targetParentField targetRecordType type width
"""
    ),
    "MatchingRules": _words("fullName matchingRules"),
    "Workflow": _words(
        """
fullName alerts fieldUpdates flowActions flowAutomation knowledgePublishes outboundMessages rules send tasks
"""
    ),
    "AssignmentRules": _words("fullName assignmentRule"),
    "NamedCredential": _words(
        """
fullName label endpoint protocol principalType username password allowMergeFieldsInBody allowMergeFieldsInHeader
generateAuthorizationHeader authProvider authTokenEndpointUrl certificate jwtAudience jwtFormulaSubject jwtIssuer
jwtSigningCertificate jwtTextSubject jwtValidityPeriodSeconds oauthRefreshToken oauthScope oauthToken
outboundNetworkConnection awsAccessKey awsAccessSecret awsRegion awsService calloutStatus customCredentialKeys
namedCredentialParameters namedCredentialType
"""
    ),
}
_OF_VALUE = _words(
    """
fullName default label isActive active color description allowEmail closed converted cssExposed
forecastCategory groupingString highPriority probability reverseRole reviewed won controllingFieldValues
valueName
"""
)


_FLAGS = _words(
    """
active allowCreate allowDelete allowEdit allowRead caseSensitive default editable enableActivities enableFeeds
enableHistory enableSearch enabled externalId isActive isOptional modifyAllRecords readable reparentableMasterDetail
required restricted restrictedPicklist sorted unique viewAllRecords writeRequiresMasterRead closed won converted
"""
)


def misspelt_flags(element: Element) -> Iterator[Element]:
    """Yield the elements below that should say true or false and say neither; xsd:boolean has 1 and 0 too."""
    for child in element.children:
        if child.children:
            yield from misspelt_flags(child)
        elif child.tag in _FLAGS and child.text and child.text.lower() not in ("true", "false", "1", "0"):
            yield child


def unknown(element: Element, kind: str) -> Iterator[tuple[Element, str]]:
    """Yield the children that no element of that kind has, and the message that says so."""
    known = ELEMENTS[kind]
    for child in element.children:
        if child.tag not in known:
            near = close(child.tag, known)
            hint = f"; did you mean {near}?" if near else ""
            yield child, f"{kind} has no element <{child.tag[:80]}>; it is left out{hint}"
        elif child.tag in ("customValue", "standardValue"):
            for inner in child.children:
                if inner.tag not in _OF_VALUE:
                    yield inner, f"a value has no element <{inner.tag[:80]}>; it is left out"
