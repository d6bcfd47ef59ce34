"""The demonstration: a small Japanese platform whose mail goes through the sandbox."""
