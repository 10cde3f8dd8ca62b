"""Tables in files: reading, changing and writing rows of CSV and XLSX in bounded memory. Blocking: runs in threads."""
