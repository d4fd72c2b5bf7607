"""One file for each revision. They describe the tables as they were then and are never changed after a release."""
