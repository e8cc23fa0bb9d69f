"""The WSDL of an outbound message, from which its receiver's owner generates a listener.

Source: SOAP API Developer Guide, "Understanding the Outbound Messaging WSDL", and WSDL files that orgs gave out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from mock_server.org.outbound.envelope import OUTBOUND, SOBJECT

if TYPE_CHECKING:
    from mock_server.org.outbound.messages import OutboundMessage
    from mock_server.org.schema.types import Field, SObject

_TYPES = {
    "id": "ent:ID", "reference": "ent:ID", "boolean": "xsd:boolean", "int": "xsd:int", "long": "xsd:long",
    "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date",
    "datetime": "xsd:dateTime", "time": "xsd:time", "base64": "xsd:base64Binary",
}  # fmt: skip
_XSD = 'xmlns="http://www.w3.org/2001/XMLSchema"'


def wsdl(message: OutboundMessage, sobject: SObject, endpoint: str) -> str:
    """Return the WSDL document of a message; `endpoint` is where it is sent to."""
    name = sobject.name
    elements = "".join(_element(field) for one in sorted(message.fields) if (field := sobject.by_name.get(one)))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Outbound message {escape(message.name)} of {name} -->
<definitions targetNamespace="{OUTBOUND}" xmlns="http://schemas.xmlsoap.org/wsdl/" \
xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:tns="{OUTBOUND}" \
xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ent="urn:enterprise.soap.sforce.com" xmlns:ens="{SOBJECT}">
 <types>
  <schema elementFormDefault="qualified" {_XSD} targetNamespace="urn:enterprise.soap.sforce.com">
   <simpleType name="ID">
    <restriction base="xsd:string">
     <length value="18"/>
     <pattern value="[a-zA-Z0-9]{{18}}"/>
    </restriction>
   </simpleType>
  </schema>
  <schema elementFormDefault="qualified" {_XSD} targetNamespace="{SOBJECT}">
   <import namespace="urn:enterprise.soap.sforce.com"/>
   <complexType name="sObject">
    <sequence>
     <element name="fieldsToNull" type="xsd:string" nillable="true" minOccurs="0" maxOccurs="unbounded"/>
     <element name="Id" type="ent:ID" nillable="true"/>
    </sequence>
   </complexType>
   <complexType name="{name}">
    <complexContent>
     <extension base="ens:sObject">
      <sequence>
{elements}      </sequence>
     </extension>
    </complexContent>
   </complexType>
  </schema>
  <schema elementFormDefault="qualified" {_XSD} targetNamespace="{OUTBOUND}">
   <import namespace="urn:enterprise.soap.sforce.com"/>
   <import namespace="{SOBJECT}"/>
   <element name="notifications">
    <complexType>
     <sequence>
      <element name="OrganizationId" type="ent:ID"/>
      <element name="ActionId" type="ent:ID"/>
      <element name="SessionId" type="xsd:string" nillable="true"/>
      <element name="EnterpriseUrl" type="xsd:string"/>
      <element name="PartnerUrl" type="xsd:string"/>
      <element name="Notification" maxOccurs="100" type="tns:{name}Notification"/>
     </sequence>
    </complexType>
   </element>
   <complexType name="{name}Notification">
    <sequence>
     <element name="Id" type="ent:ID"/>
     <element name="sObject" type="ens:{name}" nillable="true"/>
    </sequence>
   </complexType>
   <element name="notificationsResponse">
    <complexType>
     <sequence>
      <element name="Ack" type="xsd:boolean"/>
     </sequence>
    </complexType>
   </element>
  </schema>
 </types>
 <message name="notificationsRequest">
  <part element="tns:notifications" name="request"/>
 </message>
 <message name="notificationsResponse">
  <part element="tns:notificationsResponse" name="response"/>
 </message>
 <portType name="NotificationPort">
  <operation name="notifications">
   <documentation>Process a number of notifications.</documentation>
   <input message="tns:notificationsRequest"/>
   <output message="tns:notificationsResponse"/>
  </operation>
 </portType>
 <binding name="NotificationBinding" type="tns:NotificationPort">
  <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  <operation name="notifications">
   <soap:operation soapAction=""/>
   <input>
    <soap:body use="literal"/>
   </input>
   <output>
    <soap:body use="literal"/>
   </output>
  </operation>
 </binding>
 <service name="NotificationService">
  <documentation>Notification Service Implementation</documentation>
  <port binding="tns:NotificationBinding" name="Notification">
   <soap:address location={quoteattr(endpoint)}/>
  </port>
 </service>
</definitions>
"""


def _element(field: Field) -> str:
    if field.name == "Id":
        return ""
    kind = _TYPES.get(field.type, "xsd:string")
    return f'       <element name="{field.name}" nillable="true" minOccurs="0" type="{kind}"/>\n'
