"""Tables of answers as files: which ones a view has, their columns, and how they are written."""
