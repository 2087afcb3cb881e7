"""The dashboard's process: `python -m web.serve`, with the settings that the environment names.

Streamlit as we ship it asks nobody outside for its own address, and believes nobody's word about who is asking.
"""

from __future__ import annotations

import os
import sys

from streamlit import net_util

from grid.errors import RedvestError
from service.container import Container
from service.settings.settings import load_settings
from service.streamlit_flags import streamlit_options
from web.app import make_app


def main() -> int:
    """Serve until told to stop. Returns the exit code."""
    net_util.get_external_ip = lambda: None
    # The server itself believes no X-Forwarded-For: the gate does, from the proxies that the settings name.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    try:
        container = Container(load_settings())
        container.records.ledger_version()
        app = make_app(container)
    except RedvestError as error:
        sys.stderr.write(f"redvest: {error.line.en}\n")
        return error.exit_code
    app.run(config=streamlit_options(container.settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
