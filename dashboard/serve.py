"""Streamlit as we ship it: it asks nobody outside for its own address. `python -m dashboard.serve run …`.

Streamlit looks up its outside address for a line on the terminal, and again whenever a browser of an origin that it
does not know knocks. Neither is needed: the settings say where people reach us.
"""

from __future__ import annotations

import sys

from streamlit import net_util
from streamlit.web import cli


def stay_inside() -> None:
    """Switch off Streamlit's look-up of its own outside address in this process."""
    net_util.get_external_ip = lambda: None


def main() -> None:
    """Run Streamlit's own command in this process."""
    stay_inside()
    sys.argv[0] = "streamlit"
    cli.main()


if __name__ == "__main__":
    main()
