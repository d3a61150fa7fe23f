"""What one organisation can do, and what is done about organisations: all that the command line and the API call."""
