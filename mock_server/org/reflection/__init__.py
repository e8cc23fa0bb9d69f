"""The schema as records: EntityDefinition, FieldDefinition and their like, as whoever asks sees it.

`shape` says which objects these are, `objects`, `fields` and `relationships` what rows they have, `filling` when the
rows are written.
"""
