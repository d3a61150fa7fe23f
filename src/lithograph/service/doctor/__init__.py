"""The doctor: looks for what would keep Lithograph from working here, and says what to do about it."""
