"""placeholder"""

from service.queries_answers import IncidentPage


def export_buttons(shown: IncidentPage) -> None:
    """Nothing yet."""
