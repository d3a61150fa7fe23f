"""Bytes to a `Document`: find out what a file is, take its text, or say in one sentence why there is none.

`read` is the way in. Plain text and Markdown are decoded here; every format with a grammar of its own (HTML, mail, PDF,
DOCX) is read by a child process, so that no file can hang, crash or fill the process that asked.
"""
