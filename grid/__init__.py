"""The vocabulary of the house: assets, readings as columns, electrical formulas, errors.

No I/O and no clock: everything here is a value or a function of values.
"""
