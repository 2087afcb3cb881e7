"""Everything over HTTP: the one ASGI app with its gate, login, phone page and its small API."""
