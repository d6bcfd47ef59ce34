"""What may be sent: the standing of customers now; rules, traps and advisories later."""
