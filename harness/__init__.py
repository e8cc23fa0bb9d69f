"""Proves whether integration code survives Salesforce's failures."""
