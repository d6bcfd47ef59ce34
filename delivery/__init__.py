"""What is sent and how: pools, mailings, deliveries, attempts, routing, dispatch."""
