"""Mail protocols as plain values and async functions; knows no Django, queue, cache or settings."""
