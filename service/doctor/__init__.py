"""`redvest doctor`: checks of everything an installation stands on."""
