"""Prints the table of the vendors' rules."""

from tests.vendors.table import table

if __name__ == "__main__":
    print(table())
