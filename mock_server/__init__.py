"""A Salesforce org that runs on your machine: REST, SOQL, OAuth and SOAP login on one engine, with faults."""

__version__ = "0.1.0"
