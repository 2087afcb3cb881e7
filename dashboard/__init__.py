"""Pages for the duty desk and the team, in Streamlit: they ask the read side and draw."""
