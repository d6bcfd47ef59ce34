"""Things broken on purpose, in an instance of its own: `manage.py chaos NAME`."""
