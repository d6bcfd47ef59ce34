"""Blocklists, listings, incidents and their response. Empty until the blocklist watch is built."""
