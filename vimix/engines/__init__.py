"""What looks at pictures and says which of their pixels are the subject."""
