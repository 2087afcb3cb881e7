"""How a fleet's readings are put into messages."""

from __future__ import annotations

from enum import Enum


class Form(Enum):
    """One reading in a message, or many as rows or as columns."""

    SINGLE = "single"
    BATCH = "batch"
    COLUMNS = "columns"
