"""What stands in requests and answers, apart from what it is inside: it stays as it is when that changes."""
