"""`python -m config.fieldkey` prints a new key for FIELD_KEY, which encrypts secrets at rest.

Not a command of manage.py: production settings do not load without the key.
"""

from cryptography.fernet import Fernet

if __name__ == "__main__":
    print(Fernet.generate_key().decode())
