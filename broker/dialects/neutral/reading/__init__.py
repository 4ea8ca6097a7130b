"""Reading: requests and answers of each dialect, into neutral words."""
