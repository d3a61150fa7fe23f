"""Files for other programs, one module per format; `formats` chooses among them."""
