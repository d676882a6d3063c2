"""The reports that a person reads: the same words on the page and in the PDF."""
