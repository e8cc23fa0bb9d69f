"""The bundled scenario catalogue: one YAML file a scenario, by family."""
