"""An internet in a box on 127/8: mail hosts and a DNS server that behave as a scenario says."""
