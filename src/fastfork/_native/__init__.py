"""The only door between Python and the C core; the stubs beside this file are its contract."""
