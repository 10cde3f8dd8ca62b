"""Moving files between a server and the files area: what goes where, and each of them whole or not at all."""
