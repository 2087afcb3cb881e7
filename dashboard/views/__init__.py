"""One file per page. Pages ask a query and draw; they calculate nothing."""
