"""Writing: neutral requests and answers, in the words of each dialect."""
