"""Pages of the blocklist watch."""
