"""Code that the org's owner has run on request: Apex REST endpoints, and what they are made of."""
