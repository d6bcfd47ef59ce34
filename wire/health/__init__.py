"""What DNS says about a sender's own set-up, held against what it should say."""
