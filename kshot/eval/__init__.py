"""What is asked, how it is judged and shown."""
